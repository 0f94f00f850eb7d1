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

import io
import json
import pathlib

import cifar10_lt
import cifar100_lt
import digits_lt
import engine  # noqa: F401
import imagenet_lt
import keras
import numpy as np
from absl import app, flags
from engine import artifact, config, evaluation, storage

import keras_spa as spa

FLAGS = flags.FLAGS
flags.DEFINE_string("saved_model", None, "Folder or file of the model.")
for name in (
    *("data", "data_dir", "imbalance_factor", "max_count", "order", "split"),
    *("validation_per_class", "batch_size", "output_dir"),
):
    flags.declare_key_flag(name)
TASKS = {
    recipe.TASK.title: recipe.TASK
    for recipe in (cifar10_lt, cifar100_lt, digits_lt, imagenet_lt)
}


def main(_):
    try:
        path = _path()
        model = artifact.load(path)
        data = _data(path)
        found, names = evaluate(model, data), data.class_names
    except (ValueError, OSError, ImportError) as error:
        config.refuse(" ".join(str(error).split()))
    output = pathlib.Path(FLAGS.output_dir)
    _write(found, names, path, data.name, output)
    print(f"\n{path.name} on {data.name}, {FLAGS.split} images\n\n{found.table()}")
    print(f"Classes: {output / 'table.md'}. Picture: {output / 'picture.png'}")


def evaluate(model, data):
    """`Scores` of an artifact on one split of `LongTailedData`, with progress."""
    split = data.splits().get(FLAGS.split)
    if split is None or not len(split.labels):
        raise ValueError(f"{data.name} has no {FLAGS.split} images")
    found = evaluation.Scores(data.class_counts)
    bar = keras.utils.Progbar(len(split.labels), unit_name="image")
    for images, labels in _batches(split, model.input_shape):
        logits, probabilities = model(images)
        if logits.shape[-1] != data.num_classes:
            raise ValueError(
                f"{data.name} has {data.num_classes} classes; the model tells "
                f"{logits.shape[-1]} apart"
            )
        found.update(labels, logits, probabilities)
        bar.add(len(labels))
    return found


def _batches(split, shape):
    """Batches of images and labels as arrays; files are read when it is their turn."""
    if isinstance(split.images, spa.data.ImageFiles):
        if len(shape) != 3 or shape[0] is None or shape[0] != shape[1]:
            raise ValueError(f"Image files need a model of square images, not {shape}")
        yield from spa.data.pipeline(
            split, FLAGS.batch_size, training=False, image_size=shape[0]
        ).as_numpy_iterator()
        return
    sizes = split.images.shape[1:]
    fits = len(sizes) == len(shape) and all(
        wanted in (None, -1, size) for wanted, size in zip(shape, sizes, strict=True)
    )
    if not fits:
        raise ValueError(f"The model takes images of shape {shape}, not {sizes}")
    for start in range(0, len(split.labels), FLAGS.batch_size):
        rows = slice(start, start + FLAGS.batch_size)
        yield split.images[rows], split.labels[rows]


def _path():
    if FLAGS.saved_model is None:
        raise ValueError("--saved_model=PATH is missing: a folder or a file")
    path = pathlib.Path(FLAGS.saved_model)
    if FLAGS.output_dir is None:
        FLAGS.output_dir = str(pathlib.Path("output/evaluate", path.name))
    return path


def _data(path):
    """Those of --data, or those of the run whose result stands beside the model."""
    if FLAGS.data is None:
        stem = path.stem if path.suffix in artifact.LOADERS else path.name
        beside = path.with_name(f"{stem}.json")
        if not beside.is_file():
            raise ValueError(
                f"--data is missing: there is no {beside} to say what {path.name} was "
                "tested on"
            )
        run = json.loads(beside.read_text())
        for name, value in run["flags"].items():
            if not FLAGS[name].present and name != "split":
                FLAGS[name].value = value
        return TASKS[run["dataset"]].load(run["seed"])
    factor = FLAGS.imbalance_factor if FLAGS["imbalance_factor"].present else None
    return spa.data.load(
        FLAGS.data,
        factor,
        max_count=FLAGS.max_count,
        order=FLAGS.order,
        validation_per_class=FLAGS.validation_per_class,
        data_dir=FLAGS.data_dir,
    )


def _write(found, names, path, dataset, output):
    written = {
        "model": str(path),
        "dataset": dataset,
        "split": FLAGS.split,
        **found.result(),
        "environment": storage.environment(),
    }
    storage.write_result(output / "evaluation.json", written)
    confusion = io.BytesIO()
    np.save(confusion, found.confusion, allow_pickle=False)
    storage.write_atomically(output / "confusion.npy", confusion.getvalue())
    tables = f"{found.table()}\n{found.class_table(names)}"
    storage.write_atomically(output / "table.md", tables)
    found.picture(output / "picture.png", names, f"{path.name} on {dataset}")


def _parse(arguments):
    try:
        rest = FLAGS(arguments)
    except flags.Error as error:
        config.refuse(error)
    if len(rest) > 1:
        config.refuse(f"not a flag: {' '.join(rest[1:])}")
    return rest


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
