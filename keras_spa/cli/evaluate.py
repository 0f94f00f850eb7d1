"""keras-spa evaluate."""

from typing import Any

import numpy as np

from keras_spa.cli import measures, subject
from keras_spa.data._labels import distinct
from keras_spa.files import write_json


def evaluate(arguments: Any) -> None:
    """Prints how well MODEL recognises DATA."""
    given = subject.load(arguments)
    data = given.feed.data
    name, split = given.split(arguments.split)
    judged = measures.judge(
        given.observer, given.feed.batches(split), arguments.batch_size
    )
    measured = judged.measures(given.feed.class_counts)
    seen = len(np.unique(split.labels))
    print(f"{len(split.labels):,} {name} images of {seen} classes\n")
    print(measures.text({arguments.model.name: measured}), end="")
    confusions = judged.confusions(data.class_names, 5)
    if confusions:
        print("", *confusions, sep="\n")
    if arguments.json:
        accuracies = dict(
            zip(distinct(data.class_names), judged.accuracies().tolist(), strict=True)
        )
        result = {"split": name, **measured, "accuracy_per_class": accuracies}
        write_json(arguments.json, result)
        print(f"wrote {arguments.json}")
