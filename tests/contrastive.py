"""The balanced contrastive loss in plain NumPy float64, point by point."""

import numpy as np


def unit(v):
    return v / np.linalg.norm(v)


def formula(embeddings, labels, prototypes, temperature):
    """Image by image, point by point."""
    points = [
        (unit(v), c) for views, c in zip(embeddings, labels, strict=True) for v in views
    ]
    points += [(unit(p), c) for c, p in enumerate(prototypes)]
    losses = []
    for i, (anchor, y) in enumerate(points[: -len(prototypes)]):
        others = [point for k, point in enumerate(points) if k != i]
        denominator = 0.0
        for c in range(len(prototypes)):
            powers = [np.exp(anchor @ u / temperature) for u, own in others if own == c]
            denominator += sum(powers) / len(powers)
        pulls = [
            np.log(denominator) - anchor @ u / temperature
            for u, own in others
            if own == y
        ]
        losses.append(sum(pulls) / len(pulls))
    return np.reshape(losses, embeddings.shape[:2]).mean(axis=1)
