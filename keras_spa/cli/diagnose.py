"""keras-spa diagnose."""

from typing import Any

import keras_spa as spa
from keras_spa.cli import subject
from keras_spa.files import write_atomically


def diagnose(arguments: Any) -> None:
    """Prints the report of `keras_spa.diagnose`."""
    given = subject.load(arguments)
    data = given.feed.data
    _, split = given.split(arguments.split or "train")
    report = spa.diagnose(
        given.observer,
        given.feed.batches(split),
        given.feed.class_counts,
        data.class_names,
        arguments.batch_size,
        verbose=0,
    )
    print(report.to_markdown(), end="")
    if arguments.picture:
        report.plot(arguments.picture)
        print(f"wrote {arguments.picture}")
    if arguments.json:
        write_atomically(arguments.json, report.to_json() + "\n")
        print(f"wrote {arguments.json}")
