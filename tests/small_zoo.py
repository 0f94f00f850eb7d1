"""Small data for the command line, and the command itself within this process."""

import numpy as np
from PIL import Image

NAMES = ("a cat", "çà/là", "😀", "alone")
COUNTS = (12, 6, 4, 1)
SMALL = ("--depth=8", "--batch_size=8", "--epochs=2")


def picture(random, c, height=8, width=8):
    """A picture in the colour of its class."""
    colour = np.eye(4, 3)[c] * 160 + 40
    return (colour + random.rand(height, width, 3) * 50).astype("uint8")


def folder(path, names=NAMES, counts=COUNTS, ending="png", sides=(8, 8)):
    """A folder a class, of pictures of one size or of several."""
    random = np.random.RandomState(0)
    for c, (name, count) in enumerate(zip(names, counts, strict=True)):
        (path / name.replace("/", " ")).mkdir(parents=True)
        for i in range(count):
            size = sides[0], sides[0] + i % (sides[1] - sides[0] + 1)
            image = Image.fromarray(picture(random, c, *size))
            image.save(path / name.replace("/", " ") / f"{i}.{ending}")
    return path


def table(path):
    """A table whose classes have names that no folder can have."""
    files = folder(path.parent / "files of the table")
    lines = ["path,label"]
    for name, count in zip(NAMES, COUNTS, strict=True):
        place = f"{files.name}/{name.replace('/', ' ')}"
        lines += [f'"{place}/{i}.png","{name}"' for i in range(count)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def archive(path, test=True):
    random = np.random.RandomState(1)
    arrays = {}
    for kind, counts in (("train", COUNTS), ("test", (3, 3, 3, 3))):
        labels = np.repeat(np.arange(4), counts)
        arrays[f"x_{kind}"] = np.stack([picture(random, c) for c in labels])
        arrays[f"y_{kind}"] = labels
    if not test:
        del arrays["x_test"], arrays["y_test"]
    np.savez(path, class_names=np.array(NAMES), **arrays)
    return path
