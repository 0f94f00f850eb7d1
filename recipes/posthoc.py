"""What can be gained after training: alignment and other post-hoc methods compared.

    python recipes/cifar10_lt.py --flagfile=ROW.flags --export_dir=MODELS
    python recipes/posthoc.py --recipe=cifar10_lt --models=MODELS --flagfile=ROW.flags

Takes the trained models METHOD-ALIGNMENT-ifN-seedN.keras that a recipe exported, and
the same data flags. Each method's parameters are chosen on the validation images of
each model, and the test images are looked at once. All methods see the same features.
Prints a table and leaves table.md and results.json in --output_dir.
"""

import json
import pathlib
import re

import cifar10_lt
import cifar100_lt
import digits_lt
import engine  # noqa: F401
import keras
import numpy as np
from absl import app, flags
from engine import config, storage
from engine.methods import METHODS
from reporting import summary

import keras_spa as spa
from keras_spa import posthoc
from keras_spa.trained.observe import Observer, linear_classifier, observe

FLAGS = flags.FLAGS
RECIPES = {recipe.__name__: recipe for recipe in (cifar10_lt, cifar100_lt, digits_lt)}
flags.DEFINE_enum("recipe", "cifar10_lt", list(RECIPES), "Whose models.")
flags.DEFINE_string("models", None, "Folder of exported .keras files.")
TAUS = np.linspace(0, 1.5, 16)
SHARES = np.linspace(0, 1, 11)
NAME = re.compile(r"(\w+)-none-if([\d.]+)-seed(\d+)")


def candidates(weights, biases, means, counts):
    """`{method: [(weights, biases)]}`, what each may choose from; the first does least.

    Tau-normalisation, w/‖w‖^τ without biases, and the nearest class mean by cosine are
    those of Kang et al. (ICLR 2020); logit adjustment is that of Menon et al. (ICLR
    2021).
    """
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    zero = np.zeros_like(biases)
    prior = np.log(counts / counts.sum())
    directions = means / np.linalg.norm(means, axis=1, keepdims=True)
    turned = [
        posthoc.aligned(alignment, weights, means, counts)
        for alignment in posthoc.CANDIDATES
    ]
    return {
        "untouched": [(weights, biases)],
        "tau-normalisation": [(weights / lengths**share, zero) for share in SHARES],
        "nearest class mean": [(directions, zero)],
        "logit adjustment": [(weights, biases - tau * prior) for tau in TAUS],
        "SpA-SLERP": [(rows, biases) for rows in turned],
        "SpA-SLERP + logit adjustment": [
            (rows, biases - tau * prior) for rows in turned for tau in TAUS
        ],
    }


def compare(model, data):
    """`{method: {"all", "many", "medium", "few"}}`: test accuracy in percent."""
    observer = Observer(model)
    splits = {}
    for name in ("train", "validation", "test"):
        batches = observe(observer, tuple(getattr(data, name)), 500, verbose=0)
        features, _, labels = zip(*batches, strict=True)
        splits[name] = np.concatenate(features), np.concatenate(labels)
    weights, biases = linear_classifier(observer.model)
    features, labels = splits["train"]
    counts = data.class_counts
    means = np.array([features[labels == c].mean(axis=0) for c in range(len(counts))])
    found = {}
    for method, options in candidates(weights, biases, means, counts).items():
        scores = [
            _per_class(*splits["validation"], *option).mean() for option in options
        ]
        per_class = 100 * _per_class(*splits["test"], *options[int(np.argmax(scores))])
        found[method] = {"all": per_class.mean()}  # the test set is balanced
        for shots, classes in spa.metrics.shot_groups(counts).items():
            found[method][shots] = per_class[classes].mean() if len(classes) else None
    return found


def _per_class(features, labels, weights, biases):
    right = np.argmax(features @ weights.T + biases, axis=1) == labels
    return np.array([right[labels == c].mean() for c in range(len(weights))])


def table(found):
    """Markdown of `{(training, seed): compare(...)}`: mean ± deviation over seeds."""
    rows = [["trained with", "after training", "all", "gain", "many", "medium", "few"]]
    for training in dict.fromkeys(training for training, _ in found):
        runs = [value for (name, _), value in found.items() if name == training]
        for method in runs[0]:
            values = {s: [run[method][s] for run in runs] for s in runs[0][method]}
            gains = [run[method]["all"] - run["untouched"]["all"] for run in runs]
            gain = "-" if method == "untouched" else summary.mean_std(gains, sign="+")
            shots = [summary.mean_std(values[s]) for s in ("many", "medium", "few")]
            name = METHODS[training]
            rows.append([name, method, summary.mean_std(values["all"]), gain, *shots])
    return summary.markdown(rows)


def main(_):
    if FLAGS.models is None:
        config.refuse("--models=FOLDER is missing: that of exported .keras files")
    task = RECIPES[FLAGS.recipe].TASK
    paths = sorted(pathlib.Path(FLAGS.models).glob("*.keras"))
    wanted = [
        (path, match)
        for path in paths
        if (match := NAME.fullmatch(path.stem))
        and float(match[2]) == FLAGS.imbalance_factor
    ]
    if not wanted:
        config.refuse(
            f"--models={FLAGS.models} holds no METHOD-none-if"
            f"{FLAGS.imbalance_factor:g}-seedN.keras"
        )
    found = {}
    for number, (path, match) in enumerate(wanted, 1):
        data = task.load(int(match[3]))
        model = keras.saving.load_model(path, compile=False)
        found[match[1], int(match[3])] = compare(model, data)
        print(f"[{number:2}/{len(wanted)}] {path.stem}", flush=True)
    output = pathlib.Path(FLAGS.output_dir)
    runs = [
        {"method": method, "seed": seed, "accuracy": accuracy}
        for (method, seed), accuracy in found.items()
    ]
    written = {
        "runs": runs,
        "flags": config.of_run(),
        "environment": storage.environment(),
    }
    storage.write_atomically(output / "results.json", json.dumps(written, indent=1))
    storage.write_atomically(output / "table.md", table(found))
    print(f"\n{table(found)}")


def _parse(arguments):
    FLAGS(arguments)  # which recipe is meant decides the defaults
    return config.parse_and_check(arguments, RECIPES[FLAGS.recipe].TASK)


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
