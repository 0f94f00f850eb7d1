"""What all recipes share: flags, and the job that they start.

A recipe is a `Task` (data and network) and defaults of flags; `main` does the rest.
"""

import concurrent.futures
import dataclasses
import importlib.util
import json
import multiprocessing
import pathlib
import sys
import time
from collections.abc import Callable

import _quiet  # noqa: F401
import methods
import numpy as np
import report
import results
import training
from absl import app, flags
from methods import ALIGNMENTS, METHODS

import keras_spa as spa

FLAGS = flags.FLAGS
flags.DEFINE_list("method", ["ce"], f"Methods to train with, of {', '.join(METHODS)}.")
flags.DEFINE_list(
    "alignment",
    ["none"],
    f"Alignments to run, of {', '.join(ALIGNMENTS)}. 'misaligned' is SpA-Reg with "
    "negative strength; unless named on the command line it runs with ce only.",
)
flags.DEFINE_list(
    "seeds", ["0", "1", "2"], "Each seed decides initial weights and batches."
)
flags.DEFINE_alias("seed", "seeds")
flags.DEFINE_float(
    "imbalance_factor",
    100.0,
    "Training images of the most over those of the least frequent class.",
    1,
)
flags.DEFINE_integer(
    "max_count", None, "Training images of the most frequent class; default: all.", 1
)
flags.DEFINE_string(
    "data",
    None,
    "Where images come from: a name, npz:PATH or folder:PATH of keras_spa.data.load.",
)
flags.DEFINE_string("data_dir", None, "Folder of the data sets; default: TFDS' own.")
flags.DEFINE_enum(
    "order",
    "shuffle",
    ["shuffle", "file"],
    "Which images of a class make up the subset: drawn with seed 0, or the first ones.",
)
flags.DEFINE_integer("epochs", 200, "Passes over the training images.", 1)
flags.DEFINE_integer("batch_size", 128, "Images a training step, over all devices.", 1)
flags.DEFINE_float("learning_rate", 0.1, "Highest rate of SGD with momentum 0.9.", 0)
flags.DEFINE_float("weight_decay", 2e-4, "Added to the gradient as decay * weight.", 0)
flags.DEFINE_enum(
    "schedule",
    "steps",
    ["steps", "cosine"],
    "Decay of the rate: in steps at 80 % and 90 % of the epochs, or along a cosine.",
)
flags.DEFINE_list(
    "decay_factors", ["0.01", "0.0001"], "Share of the rate after the two steps."
)
flags.DEFINE_integer("warmup_epochs", 0, "Epochs in which the rate rises.", 0)
flags.DEFINE_integer(
    "steps_per_execution", 1, "Steps between two looks of Keras; 0: a whole epoch.", 0
)
flags.DEFINE_enum(
    "mixed_precision",
    "float32",
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "Type that layers compute in. Alignment always computes in float32.",
)
flags.DEFINE_bool("jit_compile", False, "Compile the training step with XLA.")
flags.DEFINE_enum(
    "split",
    "test",
    ["test", "validation"],
    "Images to measure on. Parameters are chosen on validation, never on test.",
)
flags.DEFINE_integer(
    "validation_per_class", 0, "Images of each class held out of the pool.", 0
)
flags.DEFINE_integer("jobs", 1, "Runs to train side by side, a process each.", 1)
flags.DEFINE_string("output_dir", None, "Where tables, pictures and results go.")
flags.DEFINE_bool("resume", True, "Go on with what an interrupted job left behind.")
flags.DEFINE_string(
    "export_dir", None, "Folder for a .keras file and a SavedModel a run."
)
flags.DEFINE_string("tensorboard_dir", None, "Folder for TensorBoard's logs.")
flags.DEFINE_bool("verbose", True, "Print a line an epoch.")
flags.DEFINE_bool(
    "smoke", False, "One seed, one epoch, few images: everything runs, no more."
)
# What does not change the numbers of a run.
_MANAGEMENT = {
    "alignment",
    "data_dir",
    "export_dir",
    "jobs",
    "method",
    "output_dir",
    "resume",
    "seed",
    "seeds",
    "tensorboard_dir",
    "verbose",
}


@dataclasses.dataclass(frozen=True)
class Task:
    """What a recipe trains on and with.

    Args:
        title: Name of the data set in tables.
        load: Function of a seed that gives a `keras_spa.data.LongTailedData`.
        backbone: Function that gives a Keras model from uint8 images to features.
        num_features: Function that gives d.
        num_classes: K.
        defaults: Values of flags where the recipe's differ from the usual ones.
    """

    title: str
    load: Callable
    backbone: Callable
    num_features: Callable
    num_classes: int
    defaults: dict = dataclasses.field(default_factory=dict)


def main(task):
    """Runs the job that the command line describes."""
    app.run(lambda _: job(task), flags_parser=lambda args: parse_and_check(args, task))


def parse_and_check(arguments, task):
    """Flags, or one line and exit code 2."""
    try:
        rest = parse(FLAGS, arguments, task)
        if len(rest) > 1:
            raise flags.Error(f"not a flag: {' '.join(rest[1:])}")
        _check(task)
    except (flags.Error, ValueError) as error:
        _refuse(str(error).strip().splitlines()[-1].strip())
    return rest


def parse(values, arguments, task):
    """Parses flags into `values`, over the defaults of the task."""
    for name, value in task.defaults.items():
        values.set_default(name, value)
    return values(arguments)


def _refuse(message):
    print(f"{pathlib.Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    sys.exit(2)


def _check(task):
    for name, known in (("method", METHODS), ("alignment", ALIGNMENTS)):
        wrong = [value for value in FLAGS[name].value if value not in known]
        if wrong or not FLAGS[name].value:
            raise ValueError(
                f"--{name} must name some of {', '.join(known)}, not {', '.join(wrong)}"
            )
    seeds = FLAGS.seeds
    if not seeds or not all(map(str.isdigit, seeds)) or len(set(seeds)) < len(seeds):
        raise ValueError(
            "--seeds must be different whole numbers, such as 0,1,2, "
            f"not {','.join(seeds)}"
        )
    for method, alignment in configurations():
        if not methods.makes_sense(method, alignment):
            raise ValueError(
                "SpA-SLERP and SpA-Proj cannot move the fixed head of etf_dr "
                f"(--method={method} --alignment={alignment})"
            )
        features = task.num_features()
        if method in methods.FIXED_HEADS and features < task.num_classes - 1:
            raise ValueError(
                f"--method={method} needs at least {task.num_classes - 1} features for "
                f"a simplex ETF of {task.num_classes} classes; this network has "
                f"{features}. Choose a larger --width"
            )
    if FLAGS.augment_on == "device" and FLAGS.mix != "none":
        raise ValueError(f"--mix={FLAGS.mix} needs --augment_on=host")
    if FLAGS.split == "validation" and not FLAGS.validation_per_class:
        raise ValueError("--split=validation needs --validation_per_class=N")
    if FLAGS.tensorboard_dir and not importlib.util.find_spec("tensorboard"):
        raise ValueError("--tensorboard_dir needs: pip install tensorboard")
    if FLAGS.output_dir is None:
        FLAGS.output_dir = f"output/{pathlib.Path(sys.argv[0]).stem}"


def configurations():
    """The (method, alignment) pairs to run, baselines first."""
    pairs = [(m, a) for m in FLAGS.method for a in FLAGS.alignment]
    if FLAGS["alignment"].using_default_value:
        pairs = [(m, a) for m, a in pairs if a != "misaligned" or m == "ce"]
        pairs = [pair for pair in pairs if methods.makes_sense(*pair)]
    return pairs


def settings(values=FLAGS):
    """The flags that decide the numbers of a run."""
    modules = ("common", "augmentation", "methods", "cifar")
    here = values.find_module_defining_flag
    names = sorted(name for name in values if here(name) in modules)
    return {name: values[name].value for name in names if name not in _MANAGEMENT}


def job(task):
    """Trains what the parsed flags ask for; leaves results, table and picture."""
    seeds = [int(seed) for seed in FLAGS.seeds]
    if FLAGS.smoke:
        seeds, FLAGS.epochs, FLAGS.verbose = seeds[:1], 1, False
    output = pathlib.Path(FLAGS.output_dir)
    runs = [(*pair, seed) for seed in seeds for pair in configurations()]
    try:
        found = {run: _earlier(output, run) for run in runs}
        data = task.load(seeds[0])
    except (ValueError, FileNotFoundError) as error:
        _refuse(" ".join(str(error).split()))
    counts = data.class_counts
    print(
        f"{task.title}: {len(runs)} runs of {FLAGS.epochs} epochs over {counts.sum()} "
        f"images, {counts.max()} to {counts.min()} a class; results go to {output}",
        flush=True,
    )
    missing = [run for run in runs if found[run] is None]
    started = time.perf_counter()
    try:
        for done, (run, result) in enumerate(_train_all(task, missing, output), 1):
            result["flags"] = settings()
            found[run] = result
            results.write_result(_path(output, run), result)
            left = (time.perf_counter() - started) / done * (len(missing) - done)
            _print_run(f"[{done:2}/{len(missing)}]", result, f", {left:.0f} s left")
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.")
        _report([result for result in found.values() if result], output)
        sys.exit(130)
    if len(missing) < len(runs):
        print(f"{len(runs) - len(missing)} results were already in {output / 'runs'}")
    _report(list(found.values()), output)


def _print_run(number, result, left):
    print(
        f"{number} {result['method']} + {result['alignment']}, seed {result['seed']}: "
        f"accuracy {result['accuracy']['all']:.1f} %, cosine {result['cosine']:.2f} "
        f"({result['wall_time_s']:.1f} s{left})",
        flush=True,
    )


def _report(found, output):
    if found:
        table = report.table(found)
        results.write_atomically(output / "table.md", table)
        report.picture(found, output / "picture.png")
        print(f"\n{table}\nPicture: {output / 'picture.png'}")


def _path(output, run):
    method, alignment, seed = run
    factor = f"if{FLAGS.imbalance_factor:g}"
    return output / "runs" / f"{method}-{alignment}-{factor}-seed{seed}.json"


def _earlier(output, run):
    """The result of the same run from an earlier job, None if there is none."""
    path = _path(output, run)
    if not path.exists():
        return None
    result = json.loads(path.read_text())
    now, then = settings(), result.get("flags", {})
    if now != then:
        name = next(n for n in {**now, **then} if now.get(n) != then.get(n))
        raise ValueError(
            f"{path} holds a result of another configuration: {name} is "
            f"{then.get(name)} there and {now.get(name)} here. Choose another "
            "--output_dir"
        )
    return result if FLAGS.resume else None


def _train_all(task, runs, output):
    """(run, result) of all runs, in their order, each as soon as it is there."""
    jobs = [(task, run, output) for run in runs]
    if FLAGS.jobs == 1 or FLAGS.smoke or len(runs) < 2:
        yield from map(_train, jobs)
        return
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        FLAGS.jobs, fresh, initializer=_parse_again, initargs=(sys.argv, task)
    ) as pool:
        yield from pool.map(_train, jobs)


def _parse_again(arguments, task):
    sys.argv = arguments
    parse_and_check(arguments, task)
    FLAGS.verbose = False  # lines of several runs would mix


def _train(job):
    task, run, output = job
    folder = output / "checkpoints" / _path(output, run).stem
    result = training.train(task, *run, folder)
    return run, result


def tiny_data(num_classes, image_shape, seed, most=2):
    """A few random images, `most` of class 0 and 1 of the last, for --smoke."""
    random = np.random.RandomState(seed)
    counts = spa.data.long_tail_counts(num_classes, most, most)
    labels = np.repeat(np.arange(num_classes), counts).astype("int32")
    images = random.randint(0, 256, (len(labels), *image_shape)).astype("uint8")
    first = np.unique(labels, return_index=True)[1]
    test = spa.data.Split(images[first], labels[first])
    return spa.data.LongTailedData(
        "random images",
        spa.data.Split(images, labels),
        test,
        test,
        tuple(map(str, range(num_classes))),
    )
