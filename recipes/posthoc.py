"""What can be gained after training: alignment and other post-hoc methods compared.

    python recipes/cifar10_lt.py --flagfile=ROW.flags --export_dir=MODELS
    python recipes/posthoc.py --recipe=cifar10_lt --models=MODELS --flagfile=ROW.flags

Takes the trained models METHOD-none-ifN-seedN.keras that a recipe exported, and the
same data flags. Each method's parameters are chosen on the validation images of each
model, and the test images are looked at once. All methods see the same features.
Prints a table and leaves table.md and results.json in --output_dir.
"""

import dataclasses
import pathlib
import re
from typing import Any

import keras
import numpy as np
from absl import flags

import keras_spa as spa
from engine import artifact, command_line, storage
from engine.command_line import refuse
from engine.config import RunConfig, stored_identity
from engine.evaluation import shot_accuracies
from engine.registry import RECIPES
from keras_spa.files import write_atomically
from keras_spa.losses import log_prior
from keras_spa.trained import Observer, linear_classifier, observe
from keras_spa.trained.choose_alignment import CANDIDATES, aligned_weights
from reporting import posthoc_page

TAUS = np.linspace(0, 1.5, 16)
SHARES = np.linspace(0, 1, 11)
DATA = ("imbalance_factor", "max_count", "order", "validation_per_class")
NAME = re.compile(r"(\w+)-none-if([\d.]+)-seed(\d+)")


def candidates(
    weights: np.ndarray, biases: np.ndarray, means: np.ndarray, counts: np.ndarray
) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """`{method: [(weights, biases)]}`, what each may choose from; the first does least.

    Tau-normalisation, w/‖w‖^τ without biases, and the nearest class mean by cosine are
    those of Kang et al. (ICLR 2020); logit adjustment is that of Menon et al. (ICLR
    2021).
    """
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    zero = np.zeros_like(biases)
    prior = log_prior(counts)
    directions = means / np.linalg.norm(means, axis=1, keepdims=True)
    turned = [
        aligned_weights(alignment, weights, means, counts) for alignment in CANDIDATES
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


def compare(
    model: keras.Model, data: spa.data.LongTailedData
) -> dict[str, dict[str, float | None]]:
    """`{method: {"all", "many", "medium", "few"}}`: test accuracy in percent."""
    observer = Observer(model)
    splits = {}
    for name in ("train", "validation", "test"):
        batches = list(observe(observer, tuple(getattr(data, name)), 500, verbose=0))
        features = np.concatenate([batch[0] for batch in batches])
        labels = np.concatenate([batch[2] for batch in batches])
        splits[name] = features, labels
    weights, biases = linear_classifier(observer.model)
    features, labels = splits["train"]
    counts = data.class_counts
    _, means = spa.metrics.exact_class_means([(features, labels)], len(counts))
    accuracies = {}
    for method, options in candidates(weights, biases, means, counts).items():
        scores = [
            _accuracy_per_class(*splits["validation"], *option).mean()
            for option in options
        ]
        best = options[int(np.argmax(scores))]
        per_class = 100 * _accuracy_per_class(*splits["test"], *best)
        accuracies[method] = {
            "all": per_class.mean(),  # the test set is balanced
            **shot_accuracies(per_class, counts),
        }
    return accuracies


def _accuracy_per_class(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, biases: np.ndarray
) -> np.ndarray:
    decisions = np.argmax(features @ weights.T + biases, axis=1)
    return spa.metrics.accuracy_per_class(decisions, labels, len(weights))


def main() -> None:
    values = flags.FlagValues()
    flags.DEFINE_enum("recipe", "cifar10_lt", list(RECIPES), "Whose models.", values)
    flags.DEFINE_string("models", None, "Folder of exported .keras files.", values)
    arguments = command_line.arguments_or_help(__doc__, values)
    try:
        rest = command_line.read_known(values, arguments)
        task = RECIPES[values.recipe]
        job = command_line.parse(rest, task)
        models = exported_models(values.models, job.runs[0])
        job.output_dir.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        refuse(error)
    runs = []
    for number, (path, config) in enumerate(models, 1):
        try:
            model = artifact.load_model(path)
            accuracy = compare(model, task.load(config))
        except (ValueError, OSError) as error:
            refuse(f"{path.name}: {error}")
        runs.append(
            {"method": config.method, "seed": config.seed, "accuracy": accuracy}
        )
        print(f"[{number:2}/{len(models)}] {path.stem}", flush=True)
    written: dict[str, Any] = {
        "runs": runs,
        "flags": job.runs[0].identity(),
        "environment": storage.environment(),
    }
    storage.write_result(job.output_dir / "results.json", written)
    table = posthoc_page.table(posthoc_page.load(job.output_dir))
    write_atomically(job.output_dir / "table.md", table)
    print(f"\n{table}")


def exported_models(
    folder: str | None, config: RunConfig
) -> list[tuple[pathlib.Path, RunConfig]]:
    """The models without alignment at this imbalance factor, and their runs."""
    if folder is None:
        raise ValueError("--models=FOLDER is missing: that of exported .keras files")
    if not config.validation_per_class:
        raise ValueError("Parameters are chosen on --validation_per_class=N images")
    models = []
    for path in sorted(pathlib.Path(folder).glob("*.keras")):
        match = NAME.fullmatch(path.stem)
        if match and float(match[2]) == config.imbalance_factor:
            method, seed = match[1], int(match[3])
            run = dataclasses.replace(
                config, method=method, alignment="none", seed=seed
            )
            _check_data(path, run)
            models.append((path, run))
    if not models:
        raise ValueError(
            f"--models={folder} holds no METHOD-none-if"
            f"{config.imbalance_factor:g}-seedN.keras"
        )
    return models


def _check_data(path: pathlib.Path, config: RunConfig) -> None:
    """Raises if a model was trained on other images than those of the flags."""
    beside = path.with_name(f"{path.stem}.json")
    if not beside.exists():
        return
    theirs = stored_identity(type(config), storage.read_result(beside)["flags"])
    for name in DATA:
        if theirs[name] != getattr(config, name):
            raise ValueError(
                f"{path.name} was trained with --{name}={theirs[name]}, not with "
                f"{getattr(config, name)}: give the data flags of its training"
            )


if __name__ == "__main__":
    main()
