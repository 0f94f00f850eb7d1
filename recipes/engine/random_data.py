"""Random images in place of real ones, for --smoke."""

import numpy as np

import keras_spa as spa


def random_images(
    num_classes: int, image_shape: tuple[int, ...], seed: int, most: int = 2
) -> spa.data.LongTailedData:
    """A few images, `most` of class 0 and 1 of the last."""
    random = np.random.RandomState(seed)
    counts = spa.data.long_tail_counts(num_classes, most, most)
    labels = np.repeat(np.arange(num_classes), counts).astype("int32")
    images = random.randint(0, 256, (len(labels), *image_shape)).astype("uint8")
    first = np.unique(labels, return_index=True)[1]
    test = spa.data.Split(images[first], labels[first])
    return spa.data.LongTailedData(
        "random images",
        spa.data.Split(images, labels),
        test,
        test,
        tuple(map(str, range(num_classes))),
    )
