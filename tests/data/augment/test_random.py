import numpy as np
import pytest
from data.augment import oracle
from keras import ops

from keras_spa.data.augment import draws
from keras_spa.data.augment.base import functions, seed_tensor

SEEDS = [(0, 0), (0, 1), (1, 0), (2**31 - 1, 7), (-5, -(2**31)), (123456789, 2**31 - 1)]


def draw(function, seed, *arguments):
    xp = functions(None)
    return ops.convert_to_numpy(function(xp, seed_tensor(xp, seed), *arguments))


def uniform(seed, n=4096, stream=0):
    return draw(draws.uniform, seed, (n,), stream).astype("float64")


@pytest.mark.parametrize("seed", SEEDS)
def test_draws_are_those_of_unsigned_arithmetic_to_the_bit(seed):
    for shape, stream in [((5,), 0), ((3, 4), 1), ((2, 1, 2), 17)]:
        drawn = draw(draws.bits, seed, shape, stream)
        assert drawn.dtype == "int32"
        expected = oracle.bits(seed, shape, stream)
        np.testing.assert_array_equal(drawn.view("uint32"), expected)
        drawn = draw(draws.uniform, seed, shape, stream)
        assert drawn.dtype == "float32"
        np.testing.assert_array_equal(drawn, oracle.uniform(seed, shape, stream))
        drawn = draw(draws.integers, seed, shape, stream, 7)
        np.testing.assert_array_equal(drawn, oracle.integers(seed, shape, stream, 7))


def chi_square_z(observed):
    """Standard deviations above the mean of chi-square, with equal expectations."""
    expected, free = observed.mean(), observed.size - 1
    return (np.sum((observed - expected) ** 2) / expected - free) / np.sqrt(2 * free)


@pytest.mark.parametrize("seed", SEEDS)
def test_draws_are_uniform(seed):
    drawn = uniform(seed, 2**16)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert abs(chi_square_z(np.bincount((drawn * 256).astype(int)))) < 4


def test_first_image_is_uniform_over_the_steps():
    """Of steps 0, 1, 2, ... of one seed, as a `SeedGenerator` counts."""
    first = np.array([oracle.uniform((3, step), 1, 0)[0] for step in range(2**13)])
    assert abs(chi_square_z(np.bincount((first * 64).astype(int)))) < 4


def images(seed):
    return uniform(seed)[:-1], uniform(seed)[1:]


def steps(seed):
    return uniform(seed), uniform((seed[0], seed[1] + 1))


def seeds(seed):
    return uniform(seed), uniform((seed[0] + 1, seed[1]))


def swapped(seed):
    return uniform((seed[0], seed[1] + 9)), uniform((seed[1] + 9, seed[0]))


def streams(seed):
    return uniform(seed), uniform(seed, stream=1)


@pytest.mark.parametrize("pair", [images, steps, seeds, swapped, streams])
@pytest.mark.parametrize("seed", [(0, 0), (4, 1000), (123456789, 77)])
def test_neighbours_are_independent(pair, seed):
    one, other = pair(seed)
    cells = 16 * (one * 16).astype(int) + (other * 16).astype(int)
    assert abs(chi_square_z(np.bincount(cells, minlength=256))) < 4
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(one.size)


def test_integers_take_a_bound_for_each_image():
    high = np.arange(1, 1001, dtype="int32")
    drawn = draw(draws.integers, (0, 3), (1000,), 2, ops.convert_to_tensor(high))
    expected = oracle.integers((0, 3), 1000, 2, high)
    np.testing.assert_array_equal(drawn, expected)
    assert np.all((drawn >= 0) & (drawn < high))


def test_a_seed_for_each_image_draws_what_it_draws_alone():
    xp = functions(None)
    for shape in [(), (4,), (1, 2)]:
        seeds = ops.convert_to_tensor(np.array(SEEDS, "int64").astype("int32"))
        drawn = ops.convert_to_numpy(draws.bits(xp, seeds, (len(SEEDS), *shape), 3))
        expected = [oracle.bits(seed, (1, *shape), 3)[0] for seed in SEEDS]
        np.testing.assert_array_equal(drawn.view("uint32"), expected)
