"""The directions of weights and means as plain NumPy float64, one class at a time."""

import numpy as np


def unit(v):
    v = np.asarray(v, "float64")
    length = np.sqrt(np.sum(v * v))
    return v / length if length > 0 else v


def mean_directions(means, seen, center):
    """One direction a class: of its mean, or of its mean minus that of all seen."""
    means = np.asarray(means, "float64")
    classes = [c for c in range(len(means)) if seen[c]]
    origin = sum(means[c] for c in classes) / len(classes) if center else 0.0
    directions = np.zeros_like(means)
    for c in classes:
        directions[c] = unit(means[c] - origin)
    return directions


def turning_direction(w, direction):
    """The unit vector perpendicular to `w` in which `w` turns towards `direction`."""
    w = unit(w)
    return unit(direction - (direction @ w) * w)
