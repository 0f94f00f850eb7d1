"""Space misalignment and its three remedies, on real digits, in two minutes.

The UCI handwritten digits (8x8 pixels, ten classes) are made long-tailed: the zeros
stay, of the nines one in fifty does. A small convolutional network is trained with
cross-entropy and with balanced softmax, each without alignment and with SpA-Reg,
SpA-SLERP and SpA-Proj, and once misaligned on purpose. All variants of a seed share
training images, initial weights and batch order. At the end: a table, a picture and
one JSON file a run in --output_dir.

    python recipes/digits_lt.py
    python recipes/digits_lt.py --method=ce --alignment=none,spa_reg --seeds=0,1,2,3
"""

import concurrent.futures
import multiprocessing
import os
import pathlib
import sys
import time

import common
import keras
import methods
import numpy as np
import report
from absl import app, flags
from methods import ALIGNMENTS, METHODS

import keras_spa as spa

CLASSES = 10
TEST_A_CLASS, VALIDATION_A_CLASS = 50, 20
MAX_COUNT = 104  # what the smallest class has left for training

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(methods)
_METHOD = flags.DEFINE_list(
    "method",
    ["ce", "balanced_softmax"],
    f"Methods to train with, of {', '.join(METHODS)}.",
)
_ALIGNMENT = flags.DEFINE_list(
    "alignment",
    list(ALIGNMENTS),
    f"Alignments to run, of {', '.join(ALIGNMENTS)}. 'misaligned' is SpA-Reg with "
    "negative strength; unless named on the command line it runs with ce only.",
)
_SEEDS = flags.DEFINE_list(
    "seeds", ["0", "1", "2"], "Each seed draws training images, weights and batches."
)
_IMBALANCE_FACTOR = flags.DEFINE_float(
    "imbalance_factor",
    50.0,
    "Training images of class 0 over those of class 9.",
    1,
    104,
)
_EPOCHS = flags.DEFINE_integer("epochs", 60, "Passes over the training images.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images a training step.", 1)
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate",
    0.1,
    "Initial rate of SGD (momentum 0.9), cosine decay to 0; ldam_drw takes 1 % of it.",
    0,
)
_SPLIT = flags.DEFINE_enum(
    "split",
    "test",
    ["test", "validation"],
    "Images to measure accuracy on: 50 a class for test, 20 others for validation. "
    "The defaults of the --spa_* flags were chosen on validation.",
)
_JOBS = flags.DEFINE_integer(
    "jobs", min(os.cpu_count(), 4), "Runs to train side by side, a process each.", 1
)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "output/digits_lt", "Where table, picture and result files go."
)
_SMOKE = flags.DEFINE_bool(
    "smoke", False, "One seed and one epoch: shows that everything runs, no more."
)


def load_digits(imbalance_factor, seed, split):
    """`(x_train, y_train), (x, y), class_counts` with x of `split`, uint8 images."""
    path = pathlib.Path(__file__).parent / "data" / "digits.npz"
    with np.load(path, allow_pickle=False) as archive:
        images, labels = archive["images"][..., None], archive["labels"].astype("int32")
    random = np.random.RandomState(0)  # the split is the same for all seeds
    by_class = [random.permutation(np.flatnonzero(labels == c)) for c in range(CLASSES)]
    held_out = TEST_A_CLASS + VALIDATION_A_CLASS
    part = slice(TEST_A_CLASS) if split == "test" else slice(TEST_A_CLASS, held_out)
    evaluation = np.concatenate([indices[part] for indices in by_class])
    pool = np.concatenate([indices[held_out:] for indices in by_class])
    counts = spa.data.long_tail_counts(CLASSES, MAX_COUNT, imbalance_factor)
    train = pool[spa.data.long_tail_indices(labels[pool], counts, seed)]
    return (
        (images[train], labels[train]),
        (images[evaluation], labels[evaluation]),
        counts.tolist(),
    )


def make_backbone():
    """Three 3x3 convolutions and a global average: (8, 8, 1) images -> 64 features.

    Without batch normalisation, which by itself aligns the classifier here (cosine
    0.88 instead of 0.77) and leaves little to see.
    """
    layers = [keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 16)]
    for channels, stride in ((16, 1), (32, 2), (64, 1)):
        layers.append(
            keras.layers.Conv2D(channels, 3, stride, padding="same", activation="relu")
        )
    return keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()])


def train(method, alignment_name, seed, epochs):
    """Train and measure one run; returns its result, ready for JSON."""
    started = time.perf_counter()
    train_data, (x, y), counts = load_digits(
        _IMBALANCE_FACTOR.value, seed, _SPLIT.value
    )
    batches = common.Batches(*train_data, _BATCH_SIZE.value, seed)
    steps = epochs * len(batches)
    alignment = methods.make_alignment(alignment_name, steps)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    backbone = make_backbone()
    parts = methods.make_method(method, counts, epochs)
    rate = _LEARNING_RATE.value * parts.learning_rate_factor
    model = spa.SpAModel(backbone, parts.classifier, alignment)
    model.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.CosineDecay(rate, steps),
            momentum=0.9,
            weight_decay=5e-4,
        ),
        parts.loss,
        metrics=["accuracy"],
        run_eagerly=_SMOKE.value,  # one epoch is over before a graph is traced
        steps_per_execution=1 if keras.backend.backend() == "torch" else len(batches),
    )
    history = model.fit(
        batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[*parts.callbacks]
    ).history
    wall = time.perf_counter() - started
    features, train_logits = common.infer(model, train_data[0])
    cosines = common.class_cosines(model, features, train_data[1])
    return {
        "dataset": "UCI digits, long-tailed",
        "method": method,
        "alignment": alignment_name,
        "alignment_config": repr(alignment),
        "seed": seed,
        "split": _SPLIT.value,
        "class_counts": counts,
        "accuracy": common.accuracies(common.infer(model, x)[1], y, counts),
        "train_accuracy": common.accuracies(train_logits, train_data[1], counts)["all"],
        "cosine": float(np.mean(cosines)),
        "cosine_per_class": cosines,
        "history": history,
        "wall_time_s": round(wall, 2),
        "images_per_s": round(len(train_data[1]) * epochs / wall, 1),
        "flags": recipe_flags(),
        "environment": common.environment(),
    }


def train_all(runs, epochs, jobs):
    """The results of all runs, in their order, each as soon as it is there."""
    if jobs == 1:
        yield from (train(*run, epochs) for run in runs)
    else:
        fresh = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(
            jobs, fresh, initializer=_parse_flags, initargs=(sys.argv,)
        ) as pool:
            yield from pool.map(train, *zip(*runs, strict=True), [epochs] * len(runs))


def _parse_flags(arguments):
    FLAGS(arguments)


def recipe_flags():
    module = FLAGS.find_module_defining_flag("smoke")
    return {flag.name: flag.value for flag in FLAGS.get_key_flags_for_module(module)}


def configurations():
    """The (method, alignment) pairs to run, baselines first."""
    pairs = [(m, a) for m in _METHOD.value for a in _ALIGNMENT.value]
    if FLAGS["alignment"].using_default_value:
        pairs = [(m, a) for m, a in pairs if a != "misaligned" or m == "ce"]
        pairs = [pair for pair in pairs if methods.makes_sense(*pair)]
    return pairs


def main(_):
    seeds, epochs = [int(seed) for seed in _SEEDS.value], _EPOCHS.value
    if _SMOKE.value:
        seeds, epochs = seeds[:1], 1
    output = pathlib.Path(_OUTPUT_DIR.value)
    runs = [(*pair, seed) for seed in seeds for pair in configurations()]
    counts = spa.data.long_tail_counts(CLASSES, MAX_COUNT, _IMBALANCE_FACTOR.value)
    print(
        f"{len(runs)} runs of {epochs} epochs over {counts.sum()} digits, "
        f"by class {counts.tolist()}; results go to {output}",
        flush=True,
    )
    started, results = time.perf_counter(), []
    jobs = 1 if _SMOKE.value else _JOBS.value
    for done, result in enumerate(train_all(runs, epochs, jobs), start=1):
        results.append(result)
        method, alignment, seed = runs[done - 1]
        name = f"{method}-{alignment}-seed{seed}.json"
        common.write_result(output / "runs" / name, result)
        left = (time.perf_counter() - started) / done * (len(runs) - done)
        print(
            f"[{done:2}/{len(runs)}] {method} + {alignment}, seed {seed}: accuracy "
            f"{result['accuracy']['all']:.1f} %, cosine {result['cosine']:.2f} "
            f"({result['wall_time_s']:.1f} s, {left:.0f} s left)",
            flush=True,
        )
    table = report.table(results)
    common.write_atomically(output / "table.md", table)
    report.picture(results, output / "digits_lt.png")
    print(f"\n{table}\nPicture: {output / 'digits_lt.png'}")


@flags.multi_flags_validator(
    ["method", "alignment"], "names must be among those --help lists"
)
def _known_names(values):
    return set(values["method"]) <= set(METHODS) and (
        set(values["alignment"]) <= set(ALIGNMENTS)
    )


@flags.multi_flags_validator(
    ["method", "alignment"],
    "SpA-SLERP and SpA-Proj cannot move the fixed head of etf_dr",
)
def _possible_pairs(_):
    return all(methods.makes_sense(*pair) for pair in configurations())


@flags.validator("seeds", "must be different whole numbers, such as 0,1,2")
def _whole_seeds(seeds):
    return seeds and all(s.isdigit() for s in seeds) and len(set(seeds)) == len(seeds)


if __name__ == "__main__":
    app.run(main)
