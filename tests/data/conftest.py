"""What several tests of data sets begin with."""

import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    """train/ and test/ of ant (4), bee (3) and cat (2), one colour an image."""
    counts = {"train": {"bee": 3, "ant": 4, "cat": 2}, "test": {"cat": 1, "ant": 1}}
    for split, classes in counts.items():
        for name, count in classes.items():
            (tmp_path / "zoo" / split / name).mkdir(parents=True)
            for i, ending in zip(
                range(count), ("jpg", "PNG", "jpeg", "bmp"), strict=False
            ):
                path = tmp_path / "zoo" / split / name / f"{i}.{ending}"
                Image.new("RGB", (40, 30), (10 * i, 0, 0)).save(path)
    (tmp_path / "zoo" / "train" / "ant" / ".hidden.jpg").touch()
    (tmp_path / "zoo" / "train" / ".cache").mkdir()
    return tmp_path / "zoo"
