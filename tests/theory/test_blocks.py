"""Pairs of classes go by in blocks: the same numbers, in memory that has a bound."""

import tracemalloc

import numpy as np
import pytest

from keras_spa import theory


def classifier(K, d=3, seed=0):
    random = np.random.RandomState(seed)
    weights, means, biases = random.randn(K, d), random.randn(K, d), random.randn(K)
    if K > 5:
        weights[1] = weights[4]
        means[2] = means[5] * (1 + 1e-7)  # close, and not equal
    return weights, means, biases


def by_the_definition(weights, means, biases):
    """Distances to the nearest boundary, and the least squared distance of means."""
    nearest, closest = [], np.inf
    for y in range(len(means)):
        distances = []
        for j in set(range(len(means))) - {y}:
            apart = weights[y] - weights[j]
            margin = apart @ means[y] + biases[y] - biases[j]
            length = np.linalg.norm(apart)
            distances.append(margin / length if length else np.copysign(np.inf, margin))
            closest = min(closest, np.sum((means[y] - means[j]) ** 2))
        nearest.append(min(distances))
    return nearest, closest


@pytest.mark.parametrize("block", [1, 40, 10**6])
@pytest.mark.parametrize("K", [2, 6, 23])
def test_blocks_of_any_size_give_the_same(K, block, monkeypatch):
    monkeypatch.setattr("keras_spa.theory._pairs.BLOCK", block)
    parts = classifier(K)
    nearest, closest = by_the_definition(*parts)
    np.testing.assert_allclose(theory.boundary_distances(*parts), nearest, rtol=1e-9)
    optimum = theory.optimal_error_exponent(parts[1])
    np.testing.assert_allclose(optimum, closest / 8, rtol=1e-9)


@pytest.mark.parametrize("block", [1, 40])
def test_the_equal_classes_are_named(block, monkeypatch):
    monkeypatch.setattr("keras_spa.theory._pairs.BLOCK", block)
    weights, means, _ = classifier(23)
    means[9] = means[17]
    with pytest.raises(ValueError, match="equal rows 9 and 17"):
        theory.exponent_efficiency(weights, means)


def test_memory_does_not_grow_with_the_pairs(monkeypatch):
    monkeypatch.setattr("keras_spa.theory._pairs.BLOCK", 2**14)
    parts = classifier(1000)
    tracemalloc.start()
    theory.boundary_distances(*parts)
    theory.optimal_error_exponent(parts[1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1000**2 / 4  # a quarter of one array of all pairs
