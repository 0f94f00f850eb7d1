"""Archives of images that say which they are."""

import numpy as np


def numbered(count):
    """Images (N, 2, 2, 1) that say which they are."""
    images = np.zeros((count, 2, 2, 1), "uint8")
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(count), 256)
    return images


def numbers(images):
    return images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]


def archive(folder, labels, **changes):
    """`npz:PATH` of numbered images with these labels."""
    labels = np.asarray(labels)
    keys = {
        "x_train": numbered(len(labels)),
        "y_train": labels,
        "x_test": numbered(4),
        "y_test": np.array([0, 1, 0, 1]),
    }
    keys = {key: x for key, x in {**keys, **changes}.items() if x is not None}
    np.savez(folder / "some.npz", **keys)
    return f"npz:{folder / 'some.npz'}"


def balanced(num_classes, each):
    labels = np.repeat(np.arange(num_classes), each)
    return np.random.default_rng(1).permutation(labels)
