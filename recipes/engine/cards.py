"""The model card that a run's exports carry."""

from typing import Any

import keras_spa as spa
from engine.config import RunConfig
from engine.names import ALIGNMENTS, METHODS
from engine.task import Task

LIMITS = """Accuracy is that of {images:,} {split} images of the same source. Classes of
few training images are recognised less well, and an image of none of the classes gets
one of their names all the same."""


def run_card(
    config: RunConfig,
    task: Task,
    data: spa.data.LongTailedData,
    accuracy: dict[str, Any],
    alignment: spa.Alignment | None,
) -> spa.ModelCard:
    """What is to be known of a run's model; `accuracy` is in percent."""
    method = f"{METHODS[config.method]}, {config.epochs} epochs, seed {config.seed}"
    if alignment is not None:
        method += f"; {ALIGNMENTS[config.alignment]}: {alignment!r}"
    shares = {
        name: share / 100
        for name, share in accuracy.items()
        if name != "per_class" and share is not None
    }
    images = len(data.splits()[config.split].labels)
    return spa.ModelCard(
        data.class_names,
        data.class_counts,
        data=task.title,
        preprocessing={"input_shape": list(task.image_shape), "pixels": task.pixels},
        method=f"{method}.",
        accuracy=shares,
        limits=" ".join(LIMITS.format(images=images, split=config.split).split()),
    )
