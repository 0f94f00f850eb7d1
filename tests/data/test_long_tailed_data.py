import numpy as np
import pytest
from archives import numbered

from keras_spa.data.long_tailed_data import LongTailedData, Split


def test_data_checks_what_it_holds():
    good = Split(numbered(3), np.array([0, 1, 1]))
    data = LongTailedData("tiny", good, good, None, ("a", "b"), "official")
    assert repr(data) == (
        "<LongTailedData 'tiny': 3 training images of 2 classes, imbalance factor 2, "
        "3 for validation>"
    )
    with pytest.raises(AttributeError):
        data.name = "other"
    for labels, message in [
        ([0, 1], "`test` must have one label for each image. Received: 3 images, 2"),
        (
            [0, 1, 2],
            r"Labels of `test` must lie in 0\.\.1.*1 others of 3, such as \[2\]",
        ),
        ([0.0, 1.0, 1.0], "Labels of `test` must be integers.*float64"),
    ]:
        with pytest.raises(ValueError, match=message):
            LongTailedData(
                "tiny", good, None, Split(numbered(3), np.array(labels)), ("a", "b")
            )
