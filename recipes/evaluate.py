"""Evaluates an exported model, by itself, on a test set.

    python recipes/digits_lt.py --export_dir=MODELS
    python recipes/evaluate.py --saved_model=MODELS/ce-none-if50-seed0
    python recipes/evaluate.py --saved_model=my_model.keras --data=folder:birds

Takes the folder of a SavedModel or a .keras, .onnx or .tflite file; only .keras files
need keras_spa to be loaded. A model that a recipe exported has its result file beside
it, which says what data it was tested on; for others, and for other data, there is
--data. Which classes are many, medium and few shot is decided by all its training
images, unless --imbalance_factor says how they were thinned out.

Prints accuracy overall and by shots, calibration error and log loss, and leaves
evaluation.json, table.md, picture.png and confusion.npy in --output_dir. Images go
through the model batch by batch: the memory it takes does not grow with their number.
"""

from __future__ import annotations

import dataclasses
import io
import pathlib
from typing import TYPE_CHECKING, Any

from absl import flags

from engine import artifact, command_line, config, storage
from engine.command_line import refuse
from engine.config import RunConfig
from engine.flag_help import arguments_or_help
from engine.registry import RECIPES
from keras_spa_cli.screen import quiet

if TYPE_CHECKING:
    import keras_spa as spa
    from engine.evaluation import Scores

FIELDS = (
    *("data", "data_dir", "imbalance_factor", "max_count", "order", "split"),
    *("validation_per_class", "batch_size"),
)


def main() -> None:
    values = flags.FlagValues()
    flags.DEFINE_string("saved_model", None, "Folder or file of the model.", values)
    flags.DEFINE_string("output_dir", None, "Where the evaluation goes.", values)
    command_line.define_run_flags(values, RunConfig, FIELDS)
    arguments = arguments_or_help(__doc__, values)
    try:
        command_line.read(values, arguments)
        if values.saved_model is None:
            raise ValueError("--saved_model=PATH is missing: a folder or a file")
        path = pathlib.Path(values.saved_model)
        with quiet():  # Keras and TensorFlow take seconds
            import keras_spa as spa
            from engine.evaluation import evaluate
            from reporting import evaluation_page

            model = artifact.load(path)
        data, split = load_data(path, values)
        card = spa.ModelCard.read(path)
        if card is None:
            print(f"{path.name} does not name its classes: taken in the data's order")
        else:
            data = data.reordered(card.class_names)
        output = pathlib.Path(values.output_dir or f"output/evaluate/{path.name}")
        output.mkdir(parents=True, exist_ok=True)
        scores = evaluate(model, data, split, values.batch_size, card)
        write(scores, data, split, path, output)
    except (ValueError, OSError, ImportError) as error:
        refuse(error)
    title = f"{path.name} on {data.name}, {split} images"
    print(f"\n{title}\n\n{evaluation_page.table(scores)}")
    print(f"Classes: {output / 'table.md'}. Picture: {output / 'picture.png'}")


def load_data(
    path: pathlib.Path, values: flags.FlagValues
) -> tuple[spa.data.LongTailedData, str]:
    """Data and split of --data, or of the run whose result stands beside the model."""
    given = {name: values[name].value for name in FIELDS if values[name].present}
    if values.data is None:
        stem = path.stem if path.suffix in artifact.LOADERS else path.name
        beside = path.with_name(f"{stem}.json")
        if not beside.is_file():
            raise ValueError(
                f"--data is missing: there is no {beside} to say what {path.name} was "
                "tested on"
            )
        result = storage.read_result(beside)
        tasks = {task.title: task for task in RECIPES.values()}
        task = tasks.get(result["dataset"])
        if task is None:
            raise ValueError(
                f"{beside} is of no recipe: dataset is {result['dataset']!r}. Say "
                "with --data where the images are"
            )
        try:
            run = config.stored_config(task.config, result)
        except ValueError as error:
            raise ValueError(f"{beside}: {error}") from error
        changed: dict[str, Any] = {"split": "test", **given}
        run = dataclasses.replace(run, **changed)
        task.check(run)
        return task.load(run), run.split
    import keras_spa as spa

    data = spa.data.load(
        values.data,
        given.get("imbalance_factor"),
        max_count=values.max_count,
        order=values.order,
        validation_per_class=values.validation_per_class,
        data_dir=values.data_dir,
    )
    return data, values.split


def write(
    scores: Scores,
    data: spa.data.LongTailedData,
    split: str,
    model: pathlib.Path,
    output: pathlib.Path,
) -> None:
    """Leaves figures, tables, picture and confusions in `output`."""
    import numpy as np

    from keras_spa.files import write_atomically
    from reporting import evaluation_page

    written = {
        "model": str(model),
        "dataset": data.name,
        "split": split,
        **scores.result(),
        "environment": storage.environment(),
    }
    storage.write_result(output / "evaluation.json", written)
    confusion = io.BytesIO()
    np.save(confusion, scores.confusion, allow_pickle=False)
    write_atomically(output / "confusion.npy", confusion.getvalue())
    worst = evaluation_page.worst_pairs(scores, data.class_names)
    tables = [
        evaluation_page.table(scores),
        evaluation_page.class_table(scores, data.class_names),
        "".join(f"- {pair}\n" for pair in worst),
    ]
    write_atomically(output / "table.md", "\n".join(tables))
    title = f"{model.name} on {data.name}"
    evaluation_page.draw(scores, output / "picture.png", data.class_names, title)


if __name__ == "__main__":
    main()
