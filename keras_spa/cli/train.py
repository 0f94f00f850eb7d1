"""keras-spa train."""

import pathlib
from typing import Any

import keras
import numpy as np

import keras_spa as spa
from keras_spa.cli import (
    align,
    checksum,
    dataset,
    fitting,
    measures,
    models,
    network,
    precision,
    report,
    runs,
)
from keras_spa.cli.feed import Feed, feed
from keras_spa.files import write_json
from keras_spa.trained.known_images import MEMORISED
from keras_spa_cli import is_there
from keras_spa_cli.paths import ENDINGS

NOT_SETTINGS = ("data", "output", "debug", "command", "kind")


def train(arguments: Any) -> None:
    """Trains, aligns, judges, reports: in a numbered folder of its own."""
    _check(arguments)
    data = dataset.load(arguments, arguments.held_out)
    fed = feed(data, arguments.batch_size, arguments.image_size)
    with runs.numbered(arguments.output, settings(arguments, data, fed)) as folder:
        _announce(arguments, fed, folder)
        trained = fitting.train(arguments, fed, folder)
        result = finish(arguments, fed, trained, folder)
        report.write(result, folder / runs.REPORT)
        fitting.clean(folder)
    print(f"wrote {folder / runs.REPORT}")


def _check(arguments: Any) -> None:
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if arguments.tensorboard and not is_there("tensorflow"):
        raise ValueError("--tensorboard needs TensorFlow (pip install tensorflow)")
    if arguments.format in ("saved_model", "litert") and not on_tensorflow:
        raise ValueError(
            f"--format={arguments.format} needs KERAS_BACKEND=tensorflow; `keras-spa "
            "align` writes it there from model.keras"
        )
    models.check_format(arguments.format)


def settings(
    arguments: Any, data: spa.data.LongTailedData, fed: Feed
) -> dict[str, Any]:
    """What makes a training what it is: its arguments, its images, its backend."""
    flags = {k: v for k, v in vars(arguments).items() if k not in NOT_SETTINGS}
    splits = {
        name: np.bincount(split.labels, minlength=data.num_classes).tolist()
        for name, split in data.splits().items()
    }
    weights = arguments.weights
    file = None if weights in ("none", "imagenet") else checksum.of_file(weights)
    return {
        "flags": flags,
        "data": str(arguments.data.resolve()),
        "images_and_labels": checksum.of_data(data, arguments.data),
        "weights": file,
        "class_names": list(data.class_names),
        "images_per_class": splits,
        "input_shape": list(fed.shape),
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "keras_spa": spa.__version__,
    }


def _announce(arguments: Any, fed: Feed, folder: pathlib.Path) -> None:
    data = fed.data
    print(spa.data.describe(data).split("\n\n")[0])
    alone = dataset.never_held_out(data)
    if alone and data.validation_source == "training":
        names = dataset.names(alone)
        print(f"of one image, which trains and is not held out: {names}")
    height, width, channels = fed.shape
    name = arguments.backbone or network.default_backbone(fed.shape)
    dtype = precision.policy(arguments.precision)
    print(f"{folder}: {name} on {height}×{width}×{channels} pixels, {dtype}")


def finish(
    arguments: Any, fed: Feed, trained: fitting.Trained, folder: pathlib.Path
) -> report.Result:
    """What comes after training: judge, align, judge again, diagnose, export."""
    data, counts = fed.data, fed.data.class_counts
    observer = spa.trained.Observer(trained.model)
    judged = {"as trained": _judge(observer, fed)}
    diagnosis = spa.diagnose(
        observer,
        fed.batches(data.train),
        counts,
        data.class_names,
        fed.batch_size,
        verbose=0,
    )
    # The scatter of its own images misleads only of a model that knows them by heart.
    learnt = np.nanmean(diagnosis.accuracy_per_class)
    augment = trained.augment if learnt >= MEMORISED else None
    aligned = None
    try:
        choice, aligned, how = align.aligned_model(trained.model, fed, augment)
    except ValueError as error:  # one image a class, ...
        how = f"Not aligned. {error}"
    else:
        how = f"{how} {choice}"
        judged["aligned"] = _judge(aligned, fed)
    columns = {
        split: {title: of[split].measures(counts) for title, of in judged.items()}
        for split in judged["as trained"]
    }
    result = report.Result(
        arguments, fed, trained, judged, columns, how, diagnosis, folder
    )
    print(f"\n{how}")
    for split, measured in columns.items():
        print(f"\nOn {len(data.splits()[split].labels):,} {split} images:\n")
        print(measures.text(measured), end="")
    print(f"\n{diagnosis.verdict}\n{result.advice}")
    _export(result, aligned)
    write_json(folder / "history.json", trained.history)
    write_json(folder / "measures.json", columns)
    return result


def _judge(model: Any, fed: Feed) -> dict[str, measures.Judged]:
    """What a model says of the images that it was not trained on."""
    return {
        name: measures.judge(model, fed.batches(split), fed.batch_size)
        for name, split in fed.data.splits().items()
        if name != "train"
    }


def _export(result: report.Result, aligned: keras.Model | None) -> None:
    """The models, each with its card."""
    arguments, folder = result.arguments, result.folder
    method = f"Trained with {arguments.method}, {arguments.epochs} epochs at most."
    columns = {} if result.split is None else result.columns[result.split]

    def write(model: keras.Model, title: str, path: pathlib.Path, format: str) -> str:
        about = method if title == "as trained" else f"{method} {result.how}"
        accuracy = measures.shares(columns[title]) if columns else {}
        card = result.fed.card(about, accuracy)
        return str(models.export(model, path, format, card))

    both = [("model", "as trained", result.trained.model)]
    if aligned is not None:
        both.append(("aligned", "aligned", aligned))
    written = [
        write(model, title, folder / f"{name}{ENDINGS[format]}", format)
        for format in ("keras", arguments.format)
        for name, title, model in both
        if format
    ]
    print(f"wrote {', '.join(written)}")
