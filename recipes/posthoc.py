"""What can be gained after training: alignment and other post-hoc methods compared.

    python recipes/cifar10_lt.py --flagfile=ROW.flags --export_dir=MODELS
    python recipes/posthoc.py --recipe=cifar10_lt --models=MODELS --flagfile=ROW.flags

Takes the trained models METHOD-none-ifN-seedN.keras that a recipe exported, or with
--alignment=NAME those METHOD-NAME-ifN-seedN.keras, of all methods and seeds, and the
same flags of data, network, augmentation and epochs.
`spa.align(model, train)` takes the augmentation of the flags and holds nothing out;
parameters that are chosen, or fitted by `spa.align` with held-out images, are so on the
validation images of each model, and without --validation_per_class=N there are no such
methods; heads that are retrained or scaled are so with the defaults of
`keras_spa.trained`. The test images choose nothing, and all methods see
the same features. Prints a table and leaves table.md and results.json in --output_dir;
the latter also holds what `spa.align` found and did, and how collapsed, aligned and
skewed each model's features are, and with --add keeps what it held of other models
before. The
documents' tables (recipes/table.py) are of recipes/results/SECTION_posthoc, and of
recipes/results/SECTION_NAME_posthoc with --alignment=NAME.
`spa.align` and the second stage need logits `h @ kernel + bias`: cosine classifiers are
converted first (`keras_spa.trained.convert_head`), bare cosines times the 30 of LDAM;
what is measured of their features is so of those of length 1 that the cosines see.
"""

import dataclasses
import pathlib
import re
from typing import Any

from absl import flags

from engine import command_line, storage
from engine.command_line import refuse
from engine.config import RunConfig, stored_identity
from engine.flag_help import arguments_or_help
from engine.registry import RECIPES
from keras_spa_cli.screen import quiet

# What the flags and a model's training must have in common, if its recipe has it.
SHARED = (
    *("imbalance_factor", "max_count", "order", "validation_per_class"),
    *("augment", "epochs", "depth", "width"),
)
RESULTS = "results.json"
NAME = re.compile(r"([a-z_]+)-([a-z_]+)-if([\d.]+)-seed(\d+)")


def main() -> None:
    values = flags.FlagValues()
    flags.DEFINE_enum("recipe", "cifar10_lt", list(RECIPES), "Whose models.", values)
    flags.DEFINE_string("models", None, "Folder of exported .keras files.", values)
    flags.DEFINE_bool("add", False, "Keep other models' comparisons.", values)
    arguments = arguments_or_help(__doc__, values)
    try:
        rest = command_line.read_known(values, arguments)
        task = RECIPES[values.recipe]
        for argument in arguments:  # those of a flagfile are its row's
            if re.match("--?(method|seeds?)(=|$)", argument):
                raise ValueError(f"{argument}: all models of the folder are compared")
        job = command_line.parse(rest, task)
        models = exported_models(values.models, job.runs[0])
        job.output_dir.mkdir(parents=True, exist_ok=True)
        others = []
        if values.add:
            others = other_runs(job.output_dir, values.recipe, models)
        with quiet():
            import keras

            from engine.after_training import compare, with_bias
            from engine.artifact import load_model
            from engine.inputs import augmentation_layers
            from engine.measures import measure
            from keras_spa.files import write_atomically
            from reporting import posthoc_page
    except (ValueError, OSError, ImportError) as error:
        refuse(error)
    if not job.runs[0].validation_per_class:
        print(
            "No --validation_per_class=N: what is chosen on held-out images is left out"
        )
    runs, environment = [], storage.environment()
    for number, (path, config) in enumerate(models, 1):
        try:
            layers = augmentation_layers(config)
            augment = keras.Sequential(layers) if layers else None
            model, data = with_bias(load_model(path)), task.load(config)
            accuracy, choices = compare(model, data, augment)
            measures = measure(model, data, augment)
        except (ValueError, OSError) as error:
            refuse(f"{path.name}: {error}")
        run = {"method": config.method, "seed": config.seed, "accuracy": accuracy}
        run |= {"choices": choices, "environment": environment}
        flags_of_training = training_flags(path, config) or config.identity()
        runs.append({**run, "measures": measures, "flags": flags_of_training})
        print(f"[{number:2}/{len(models)}] {path.stem}", flush=True)
    written: dict[str, Any] = {
        "recipe": values.recipe,
        "runs": sorted([*others, *runs], key=lambda run: (run["method"], run["seed"])),
        "alignment": job.runs[0].alignment,
        "flags": job.runs[0].identity(),
    }
    storage.write_result(job.output_dir / RESULTS, written)
    found = posthoc_page.load(job.output_dir)
    table = posthoc_page.table(found, job.runs[0].alignment)
    write_atomically(job.output_dir / "table.md", table)
    print(f"\n{table}")


def exported_models(
    folder: str | None, config: RunConfig
) -> list[tuple[pathlib.Path, RunConfig]]:
    """The models of this alignment and imbalance factor, and their runs."""
    if folder is None:
        raise ValueError("--models=FOLDER is missing: that of exported .keras files")
    models = []
    for path in sorted(pathlib.Path(folder).glob("*.keras")):
        match = NAME.fullmatch(path.stem)
        wanted = config.alignment, config.imbalance_factor
        if match and (match[2], float(match[3])) == wanted:
            run = dataclasses.replace(config, method=match[1], seed=int(match[4]))
            _check_training(path, run)
            models.append((path, run))
    if not models:
        raise ValueError(
            f"--models={folder} holds no METHOD-{config.alignment}-if"
            f"{config.imbalance_factor:g}-seedN.keras"
        )
    return models


def other_runs(
    folder: pathlib.Path, recipe: str, models: list[tuple[pathlib.Path, RunConfig]]
) -> list[dict[str, Any]]:
    """What results.json in a folder holds of other models than these of a recipe.

    Raises:
        ValueError: they were trained otherwise, or it holds no comparison.
    """
    path = folder / RESULTS
    if not path.exists():
        return []
    before, config = storage.read_object(path), models[0][1]
    compared = {(run.method, run.seed) for _, run in models}
    try:
        # Older files name their environment once, for all.
        others = [
            {"environment": before.get("environment")} | run
            for run in before["runs"]
            if (run["method"], run["seed"]) not in compared
        ]
        for run in others:
            kinds = run["method"], run["seed"], run["accuracy"], run.get("flags", {})
            if [type(kind) for kind in kinds] != [str, int, dict, dict]:
                raise TypeError(kinds)
        differences = config.differences(before["flags"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"--add: {path} holds no comparison of posthoc.py") from None
    ours = {"recipe": recipe, "alignment": config.alignment}
    for name, value in ours.items():
        if before.get(name, value) != value:  # older files do not state it
            differences[name] = before[name]
    for name in (*ours, *SHARED):
        if name in differences:
            raise ValueError(
                f"--add: {path} is of models with --{name}={differences[name]}, not "
                f"with {ours.get(name, getattr(config, name, None))}"
            )
    for model, run in models:
        for other in others:
            if other["method"] == run.method and "flags" in other:
                theirs = stored_identity(type(run), other["flags"])
                _check_alike(path, run.method, theirs, training_flags(model, run) or {})
    return others


def _check_alike(
    path: pathlib.Path, method: str, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
    """Raises if a model that is kept was trained otherwise than ours of its method."""
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise ValueError(
                f"--add: {path} holds {method} trained with --{name}="
                f"{theirs.get(name)}, not with {value}"
            )


def training_flags(path: pathlib.Path, config: RunConfig) -> dict[str, Any] | None:
    """The flags of a model's training, if its result lies beside it."""
    beside = path.with_name(f"{path.stem}.json")
    if not beside.exists():
        return None
    return stored_identity(type(config), storage.read_result(beside)["flags"])


def _check_training(path: pathlib.Path, config: RunConfig) -> None:
    """Raises if a model was trained otherwise than the flags say."""
    theirs = training_flags(path, config)
    for name in SHARED if theirs else ():
        if name in theirs and theirs[name] != getattr(config, name):
            raise ValueError(
                f"{path.name} was trained with --{name}={theirs[name]}, not with "
                f"{getattr(config, name)}: give the flags of its training"
            )


if __name__ == "__main__":
    main()
