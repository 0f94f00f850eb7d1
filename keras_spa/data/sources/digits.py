"""The UCI optical digits, which come with the package.

1,797 images of handwritten digits, by E. Alpaydin and C. Kaynak (1998), "Optical
Recognition of Handwritten Digits", UCI Machine Learning Repository,
https://doi.org/10.24432/C50P49, under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). The pixels are as they are there: counts
of 0 to 16. The split into training, validation and test images is ours.
"""

import pathlib

import numpy as np

from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request

ARCHIVE = pathlib.Path(__file__).with_name("digits.npz")
CLASSES = 10
TEST_A_CLASS, VALIDATION_A_CLASS = 50, 20


def load_digits(request: Request) -> LongTailedData:
    """All of them; test and validation images are the same ones every time."""
    with np.load(ARCHIVE, allow_pickle=False) as archive:
        images, labels = archive["images"][..., None], archive["labels"].astype("int32")
    random = np.random.RandomState(0)
    by_class = [random.permutation(np.flatnonzero(labels == c)) for c in range(CLASSES)]
    held_out = TEST_A_CLASS + VALIDATION_A_CLASS

    def split(start: int, stop: int | None) -> Split:
        rows = np.concatenate([indices[start:stop] for indices in by_class])
        return Split(images[rows], labels[rows])

    return LongTailedData(
        "UCI digits",
        train=split(held_out, None),
        validation=split(TEST_A_CLASS, held_out),
        test=split(0, TEST_A_CLASS),
        class_names=tuple(map(str, range(CLASSES))),
        validation_source="official",
    )
