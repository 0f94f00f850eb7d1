"""A random sample of the features that pass by, of bounded size."""

from collections.abc import Iterator

import numpy as np

from keras_spa._types import Array

ROOM = 2**30  # bytes of features that are kept
FILLED = 0.75  # of the room, after it has run over
LEAST = 4  # features a class for which there is room in any case


class ClassSample:
    """All features as long as they fit; then the same number of each class.

    Every feature draws a number. Once the room runs over, each class keeps the `quota`
    features of the smallest numbers, and all if it has fewer: a random sample of what
    it has shown so far, without replacement.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.quota: int | None = None  # None: all are kept
        self._size = 0
        self._parts: list[tuple[Array, Array, Array, Array]] = []
        self._random = np.random.RandomState(0)

    def add(self, features: Array, decisions: Array, labels: Array) -> None:
        """Takes in features (B, d) and what belongs to them, (B,) each."""
        draws = self._random.random_sample(len(labels))
        features = features.astype("float32")
        self._parts.append((features, decisions, labels, draws))
        self._size += len(labels)
        room = ROOM // (4 * features.shape[1] + 24)  # and three numbers to each
        room = max(room, LEAST * self.num_classes)
        if self._size > room:
            self._trim(int(FILLED * room))

    def parts(self) -> Iterator[tuple[Array, Array, Array]]:
        """`(features, decisions, labels)` of the sample, features float32 (n, d)."""
        if self.quota is not None:
            self._trim(self._size)
        return (part[:3] for part in self._parts)

    def counts(self) -> Array:
        """Features of each class in the sample, (K,)."""
        labels = [labels for *_, labels in self.parts()]
        return np.bincount(np.concatenate(labels), minlength=self.num_classes)

    def _trim(self, most: int) -> None:
        """Lowers the quota until at most so many are kept, and keeps only them."""
        labels, draws = (
            np.concatenate(arrays)
            for arrays in list(zip(*self._parts, strict=True))[2:]
        )
        counts = np.bincount(labels)
        quota = counts.max() if self.quota is None else self.quota
        while np.minimum(counts, quota).sum() > most:
            quota = quota * 9 // 10
        first = np.cumsum(counts) - counts
        places = np.empty(len(labels), "int64")  # of each within its class
        order = np.lexsort((draws, labels))
        places[order] = np.arange(len(labels)) - first[labels[order]]
        kept = np.split(
            places < quota, np.cumsum([len(part[2]) for part in self._parts])
        )
        for i, part in enumerate(self._parts):  # one at a time: memory is what counts
            if not kept[i].all():
                self._parts[i] = tuple(array[kept[i]] for array in part)
        self.quota, self._size = int(quota), int(np.minimum(counts, quota).sum())
