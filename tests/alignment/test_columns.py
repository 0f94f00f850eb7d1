"""Alignments of a kernel as it lies, (d, K), against the same of its rows."""

import keras
import numpy as np
import pytest
from compilers import compiled
from gradients import gradient
from keras import ops

import keras_spa as spa
from keras_spa import ClassStatistics

K, D = 6, 5
RNG = np.random.default_rng(0)
MEANS, WEIGHTS, GRADIENT = RNG.normal(size=(3, K, D)).astype("float32")
MEANS[4], WEIGHTS[1] = 0, 0
SEEN = np.float32([1, 1, 0, 1, 1, 1])
ROOT = RNG.normal(size=(D, D))
COVARIANCE = np.float32(ROOT @ ROOT.T + 0.1 * np.eye(D))
FORMS = {
    "paper": (lambda one: one.paper(), ()),
    "within class": (lambda one: one(), (COVARIANCE, np.float32(1))),
}
form = pytest.mark.parametrize(("make", "noise"), FORMS.values(), ids=FORMS)
compilation = pytest.mark.parametrize("run", [lambda f: f, compiled], ids=["", "jit"])
laid_out = {-1: lambda x: x, 0: ops.transpose}


def both(hook, *arrays, run=lambda f: f):
    """The hook of rows, and of columns laid back."""
    return [
        ops.convert_to_numpy(
            lay(run(lambda *given, axis=axis: hook(*given, axis))(*map(lay, arrays)))
        )
        for axis, lay in laid_out.items()
    ]


@form
@compilation
def test_a_projected_gradient_is_that_of_rows(make, noise, run):
    align = make(spa.SpAProj)

    def project(gradient, weights, axis):
        statistics = ClassStatistics(MEANS, SEEN, *noise)
        return align.project_gradient(gradient, weights, statistics, axis=axis)

    arrays = [ops.convert_to_tensor(array) for array in (GRADIENT, WEIGHTS)]
    rows, columns = both(project, *arrays, run=run)
    np.testing.assert_allclose(columns, rows, atol=2e-6)
    np.testing.assert_array_equal(columns[2], GRADIENT[2])  # never seen
    assert np.abs(rows - GRADIENT).max() > 0.1


@form
@compilation
@pytest.mark.parametrize("norm", ["keep", "equal", "noise"])
@pytest.mark.parametrize("every", [1, 3])
def test_turned_weights_are_those_of_rows(make, noise, run, norm, every):
    made = make(spa.SpASLERP)
    config = {**made.get_config(), "rate": 0.3, "norm": norm, "every": every}
    align = spa.SpASLERP(**config)

    def turn(weights, axis):
        statistics = ClassStatistics(MEANS, SEEN, *noise)
        return align.update_weights(weights, statistics, 3, axis=axis)

    rows, columns = both(turn, ops.convert_to_tensor(WEIGHTS), run=run)
    np.testing.assert_allclose(columns, rows, atol=2e-6)
    np.testing.assert_array_equal(columns[2], WEIGHTS[2])
    assert np.abs(rows - WEIGHTS).max() > 0.1


@form
def test_biases_are_those_of_rows(make, noise):
    align, statistics = make(spa.SpASLERP), ClassStatistics(MEANS, SEEN, *noise)
    biases = ops.arange(K, dtype="float32")
    rows, columns = (
        align.update_biases(biases, lay(WEIGHTS), lay(GRADIENT), statistics, axis=axis)
        for axis, lay in laid_out.items()
    )
    rows, columns = map(ops.convert_to_numpy, (rows, columns))
    np.testing.assert_allclose(columns, rows, atol=2e-6)


@form
def test_a_penalty_and_its_gradients_are_those_of_rows(make, noise):
    align = make(spa.SpAReg)

    def penalty(axis):
        def of_rows(weights, means):
            statistics = ClassStatistics(means, SEEN, *noise)
            return align.penalty(laid_out[axis](weights), statistics, axis=axis)

        return of_rows

    rows, columns = (
        [ops.convert_to_numpy(penalty(axis)(WEIGHTS, MEANS))]
        + gradient(penalty(axis), WEIGHTS, MEANS)
        for axis in laid_out
    )
    for got, expected in zip(columns, rows, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)
        assert np.any(expected)


@pytest.mark.parametrize("center", [True, False])
@compilation
def test_cosines_and_the_metric_are_those_of_rows(center, run):
    def cosines(weights, axis):
        found = ClassStatistics(MEANS, SEEN).cosines(weights, center, axis)
        return found[:, None] if axis == -1 else found[None]

    rows, columns = both(cosines, ops.convert_to_tensor(WEIGHTS), run=run)
    np.testing.assert_allclose(columns, rows, atol=1e-6)
    metrics = []
    for axis, lay in laid_out.items():
        metric = spa.metrics.AlignmentCosine(center)
        metric.update_state(lay(WEIGHTS), ClassStatistics(MEANS, SEEN), axis=axis)
        metrics.append(float(metric.result()))
    np.testing.assert_allclose(metrics, rows[SEEN > 0].mean(), rtol=1e-5)


@pytest.mark.parametrize("takes_axis", [True, False])
def test_a_hook_of_ones_own_gets_columns_only_if_it_asks_for_them(takes_axis):
    class Rows(spa.SpASLERP):
        shapes = []

        def update_weights(self, weights, statistics, step):
            self.shapes.append(tuple(weights.shape))
            return 2 * super().update_weights(weights, statistics, step)

    class Columns(Rows):
        def update_weights(self, weights, statistics, step, axis=-1):
            self.shapes.append((*weights.shape, axis))
            return 2 * spa.SpASLERP.update_weights(
                self, weights, statistics, step, axis
            )

    layer = spa.layers.SpADense(K, (Columns if takes_axis else Rows).paper(0.3))
    layer.build((None, D))
    layer.kernel.assign(WEIGHTS.T)
    layer.class_means.assign(ClassStatistics(MEANS, SEEN))
    layer.apply_update()
    expected = spa.SpASLERP.paper(0.3).update_weights(
        WEIGHTS, ClassStatistics(MEANS, SEEN), 0
    )
    kernel = ops.convert_to_numpy(layer.kernel)
    np.testing.assert_allclose(kernel, 2 * ops.convert_to_numpy(expected).T, atol=1e-6)
    columns = takes_axis and keras.backend.backend() != "jax"
    if takes_axis:
        assert Rows.shapes == [(D, K, 0) if columns else (K, D, -1)]
    else:
        assert Rows.shapes == [(K, D)]
