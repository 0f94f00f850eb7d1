"""What can be gained after training: alignment and other post-hoc methods compared.

    python recipes/cifar10_lt.py --flagfile=ROW.flags --export_dir=MODELS
    python recipes/posthoc.py --recipe=cifar10_lt --models=MODELS --flagfile=ROW.flags

Takes the trained models METHOD-none-ifN-seedN.keras that a recipe exported, or with
--alignment=NAME those METHOD-NAME-ifN-seedN.keras, and the same data flags.
`spa.align(model, train)` takes the augmentation of the flags and holds nothing out;
parameters that are chosen, or fitted by `spa.align` with held-out images, are so on the
validation images of each model. The test images are looked at once, and all methods see
the same features. Prints a table and leaves table.md and results.json in --output_dir.
The rule of `spa.align` needs a classifier with a bias: the cosine classifiers of
ldam_drw are compared without it, their cosines times 30 as logits.
"""

import dataclasses
import pathlib
import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from absl import flags

import keras_spa as spa
from engine import artifact, command_line, storage
from engine.command_line import refuse
from engine.config import RunConfig, stored_identity
from engine.evaluation import shot_accuracies
from engine.inputs import augmentation_layers
from engine.registry import RECIPES
from keras_spa.files import write_atomically
from keras_spa.losses import log_prior
from keras_spa.metrics import calibration_error
from keras_spa.trained import Observer, aligned_classifier, linear_classifier, observe
from keras_spa.trained.choose_alignment import collected, plan_alignment
from reporting import posthoc_page
from reporting.posthoc_page import ADJUSTED, ALIGNED, FITTED, PAPER, UNTOUCHED

TAUS = np.linspace(0, 1.5, 16)
SHARES = np.linspace(0, 1, 11)
TURNS = [
    spa.SpASLERP.paper(rate, 1.0, center=center, norm=norm)
    for center in (True, False)
    for norm in ("keep", "equal")
    for rate in (0.1, 0.25, 0.5, 0.75, 1.0)
]
LDAM_SCALE = 30.0  # of the cosines in its loss
DATA = ("imbalance_factor", "max_count", "order", "validation_per_class")
NAME = re.compile(r"([a-z_]+)-([a-z_]+)-if([\d.]+)-seed(\d+)")
Classifier = tuple[np.ndarray, np.ndarray]


def candidates(
    weights: np.ndarray, biases: np.ndarray, means: np.ndarray, counts: np.ndarray
) -> dict[str, list[Classifier]]:
    """`{method: [(weights, biases)]}`, what each may choose from; the first does least.

    Tau-normalisation, w/‖w‖^τ without biases, and the nearest class mean by cosine are
    those of Kang et al. (ICLR 2020); logit adjustment is that of Menon et al. (ICLR
    2021).
    """
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    zero = np.zeros_like(biases)
    prior = log_prior(counts)
    directions = _unit(means)
    turned = [
        aligned_classifier(alignment, weights, biases, means, counts)
        for alignment in TURNS
    ]
    return {
        UNTOUCHED: [(weights, biases)],
        "tau-normalisation": [(weights / lengths**share, zero) for share in SHARES],
        "nearest class mean": [(directions, zero)],
        PAPER: [(weights, biases), *turned],
        ADJUSTED: [(weights, biases - prior)],
        "logit adjustment, chosen": [(weights, biases - tau * prior) for tau in TAUS],
    }


def compare(
    model: keras.Model,
    data: spa.data.LongTailedData,
    augment: Callable[[Any], Any] | None = None,
) -> dict[str, dict[str, float | None]]:
    """`{method: {"all", "many", "medium", "few", "calibration error"}}` in percent.

    Accuracies on the test images, and the expected calibration error there.
    """
    observer = Observer(model)
    splits = {
        name: collected(observe(observer, tuple(getattr(data, name)), 500, verbose=0))
        for name in ("train", "validation", "test")
    }
    weights, biases = linear_classifier(observer.model)
    directions_only = biases is None
    if directions_only:
        weights, biases = LDAM_SCALE * weights, np.zeros(len(weights))
        splits = {n: (_unit(x), labels) for n, (x, labels) in splits.items()}
    counts = data.class_counts
    _, means = spa.metrics.exact_class_means([splits["train"]], len(counts))
    choices = {
        method: _best(options, *splits["validation"])
        for method, options in candidates(weights, biases, means, counts).items()
    }
    for method, held_out in ((ALIGNED, None), (FITTED, tuple(data.validation))):
        if not directions_only:
            plan = plan_alignment(
                observer, tuple(data.train), held_out, augment, None, 500, 0
            )
            choices[method] = plan.classifier(weights, biases)
    accuracies = {}
    for method, choice in choices.items():
        features, labels = splits["test"]
        per_class = 100 * _accuracy_per_class(features, labels, *choice)
        logits = features @ choice[0].T + choice[1]
        accuracies[method] = {
            "all": per_class.mean(),  # the test set is balanced
            **shot_accuracies(per_class, counts),
            posthoc_page.CALIBRATION: 100 * calibration_error(logits, labels),
        }
    return accuracies


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _best(
    options: list[Classifier], features: np.ndarray, labels: np.ndarray
) -> Classifier:
    scores = [_accuracy_per_class(features, labels, *one).mean() for one in options]
    return options[int(np.argmax(scores))]


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
            accuracy = compare(model, task.load(config), augmentation(config))
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


def augmentation(config: RunConfig) -> Callable[[Any], Any] | None:
    """The training's augmentation as a function of a batch, None without."""
    layers = augmentation_layers(config)
    return keras.Sequential(layers) if layers else None


def exported_models(
    folder: str | None, config: RunConfig
) -> list[tuple[pathlib.Path, RunConfig]]:
    """The models of this alignment and imbalance factor, and their runs."""
    if folder is None:
        raise ValueError("--models=FOLDER is missing: that of exported .keras files")
    if not config.validation_per_class:
        raise ValueError("Parameters are chosen on --validation_per_class=N images")
    models = []
    for path in sorted(pathlib.Path(folder).glob("*.keras")):
        match = NAME.fullmatch(path.stem)
        wanted = config.alignment, config.imbalance_factor
        if match and (match[2], float(match[3])) == wanted:
            run = dataclasses.replace(config, method=match[1], seed=int(match[4]))
            _check_data(path, run)
            models.append((path, run))
    if not models:
        raise ValueError(
            f"--models={folder} holds no METHOD-{config.alignment}-if"
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
