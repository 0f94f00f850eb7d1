import hypothesis
import keras
import numpy as np
import pytest
import toys
from hypothesis import strategies as st
from reweighting import (
    BETA,
    COUNTS,
    assert_differ,
    assert_same_weights,
    drw,
    fit,
    in_batches,
    long_tailed,
    plain_model,
    spa_model,
    weights_by_loop,
)

import keras_spa as spa
from keras_spa.callbacks import DeferredReweighting
from keras_spa.losses.effective_number import effective_number_weights

BACKEND = keras.backend.backend()
HOW = {
    "eager": {"run_eagerly": True},
    "graph": {"jit_compile": False},
    "jit": {"jit_compile": True},
}
if BACKEND != "tensorflow":  # where not compiling is eager
    del HOW["graph"]


def marked(names):
    """XLA and torch.compile take their time."""
    slow = {"jit": [pytest.mark.slow]}
    return [pytest.param(name, marks=slow.get(name, [])) for name in names]


@hypothesis.given(
    st.lists(st.integers(1, 5000), min_size=2, max_size=20),
    st.floats(0, 0.9999, exclude_max=True),
)
@hypothesis.settings(deadline=None)
def test_weights_equal_the_formula(counts, beta):
    weights = effective_number_weights(counts, beta)
    np.testing.assert_allclose(weights, weights_by_loop(counts, beta), rtol=1e-9)
    order = np.argsort(counts)
    assert (np.diff(weights[order]) <= 1e-12).all()  # rarer never weighs less
    assert weights.dtype == "float64"


def test_weights_at_the_ends_of_beta():
    np.testing.assert_array_equal(effective_number_weights(COUNTS, 0), np.ones(4))
    inverse = 1 / np.array(COUNTS)
    almost = effective_number_weights(COUNTS, 1 - 1e-13)
    np.testing.assert_allclose(almost, 4 * inverse / inverse.sum(), rtol=1e-9)


@pytest.mark.parametrize("make", [plain_model, spa_model])
@pytest.mark.parametrize("how", marked(HOW))
@pytest.mark.slow
def test_equals_the_weighted_mean_from_the_epoch_on(make, how):
    if BACKEND == "torch" and how == "jit" and make is spa_model:
        pytest.skip("torch.compile takes a minute; the plain model shows it")
    x, y = long_tailed(40)  # the last batch is smaller
    deferred = make(compiled={**HOW[how], "metrics": ["accuracy"]})
    mean = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    expected = make(loss=mean, compiled={"run_eagerly": True, "metrics": ["accuracy"]})
    actual = fit(deferred, x, y, 4, validation_data=(x, y), callbacks=[drw(2)])
    first = fit(expected, x, y, 2, validation_data=(x, y))
    weights = dict(enumerate(weights_by_loop()))
    then = {"initial_epoch": 2, "class_weight": weights, "validation_data": (x, y)}
    second = fit(expected, x, y, 4, **then)
    assert_same_weights(deferred, expected)
    assert actual.keys() == first.keys()  # nothing of its own is logged
    for name, values in actual.items():
        np.testing.assert_allclose(values, first[name] + second[name], atol=1e-5)


def test_nothing_changes_before_the_epoch():
    x, y = toys.data()
    deferred, plain, weighted = plain_model(), plain_model(), plain_model()
    fit(deferred, x, y, 2, callbacks=[drw(2)])
    fit(plain, x, y, 2)
    fit(weighted, x, y, 2, callbacks=[drw(1)])
    assert_same_weights(deferred, plain)
    assert_differ(weighted, plain)


class Traces(keras.callbacks.Callback):
    """Counts at each epoch's end how often the step was traced or compiled so far."""

    def __init__(self):
        super().__init__()
        self.calls, self.history = 0, []

    def loss(self, y, logits):
        if BACKEND != "torch":  # where a changing number would be compiled anew
            self.calls += 1
        return keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)

    def on_epoch_end(self, epoch, logs=None):
        if BACKEND == "torch":
            from torch._dynamo.utils import counters

            self.calls = counters["stats"]["unique_graphs"]
        self.history.append(self.calls)


@pytest.mark.parametrize("how", marked(how for how in HOW if how != "eager"))
@pytest.mark.parametrize("traced_before", [False, True])
def test_nothing_is_traced_at_the_epoch(how, traced_before):
    if BACKEND == "torch" and traced_before:
        pytest.skip("torch.compile takes a minute; the other case shows it")
    x, y = toys.data()
    traces = Traces()
    model = plain_model(loss=traces.loss, compiled=HOW[how])
    reference = plain_model(compiled={"run_eagerly": True})
    if traced_before:
        fit(model, x, y, 1)
        fit(reference, x, y, 1)
    fit(model, x, y, 4, callbacks=[drw(2), traces])
    assert traces.history[0] > 0
    assert traces.history == traces.history[:1] * 4
    fit(reference, x, y, 4, callbacks=[drw(2)])
    assert_same_weights(model, reference)


@pytest.mark.parametrize("labels", ["integers", "column", "soft"])
def test_sample_weights_and_class_weights_multiply(labels):
    x, y = toys.data()
    soft = np.full((len(y), 4), 0.1, "float32") + 0.6 * np.eye(4, dtype="float32")[y]
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    loss, given = {
        "integers": (sparse, y),
        "column": (sparse, y[:, None]),
        "soft": (keras.losses.CategoricalCrossentropy(from_logits=True), soft),
    }[labels]
    by_class, sample_weight = np.array(weights_by_loop()), np.linspace(0.5, 2, len(y))
    weights = soft @ by_class if labels == "soft" else by_class[y]
    both = in_batches(weights, sample_weight)
    deferred, expected = plain_model(loss=loss), plain_model(loss=loss)
    fit(deferred, x, given, 2, sample_weight=sample_weight, callbacks=[drw(0)])
    fit(expected, x, given, 2, sample_weight=both)
    assert_same_weights(deferred, expected)


def test_class_means_are_not_weighted():
    x, y = toys.data()
    soft = np.full((len(y), 4), 0.1, "float32") + 0.6 * np.eye(4, dtype="float32")[y]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    frozen = keras.optimizers.SGD  # so that both see the same features
    deferred, plain = spa_model(frozen(0.0), loss), spa_model(frozen(0.0), loss)
    fit(deferred, x, soft, 2, callbacks=[drw(0)])
    fit(plain, x, soft, 2)
    toys.assert_same_state(deferred, plain, atol=1e-6)


def cross_entropy(logits, y):
    """−log softmax(z)_y and its gradient by z, one sample at a time."""
    losses, gradients = [], []
    for row, label in zip(logits.astype("float64"), y, strict=True):
        softmax = np.exp(row) / np.exp(row).sum()
        losses.append(-np.log(softmax[label]))
        gradients.append(softmax - np.eye(len(row))[label])
    return np.array(losses), np.array(gradients)


@pytest.mark.parametrize("given", ["nothing", "weights", "padding"])
def test_a_step_is_the_published_one(given):
    """Algorithm 1 of Cao et al.: the batch's mean is normalised by its weights.

    Before, it was divided by the samples, and steps were several times too small.
    """
    x, y = long_tailed(16)
    s = {
        "nothing": None,
        "weights": np.linspace(0.1, 2, 16),
        "padding": np.where(np.arange(16) % 4, 2.0, 0.0),
    }[given]
    model = plain_model(keras.optimizers.SGD(0.5))
    kernel = model.layers[-1].kernel.numpy()
    features = model.layers[0](x)
    losses, by_logits = cross_entropy(model.predict(x, verbose=0), y)
    record = fit(model, x, y, 1, sample_weight=s, callbacks=[drw(0)])
    w, s = np.array(weights_by_loop())[y], np.ones(16) if s is None else s
    mean = sum(s) / 16 * sum(s * w * losses) / sum(s * w)
    assert record["loss"][0] == pytest.approx(mean, rel=1e-5)
    share = s * w * sum(s) / 16 / sum(s * w)
    features = keras.ops.convert_to_numpy(features)
    parts = zip(features, share, by_logits, strict=True)
    gradient = sum(part * np.outer(h, g) for h, part, g in parts)
    step = kernel - keras.ops.convert_to_numpy(model.layers[-1].kernel)
    np.testing.assert_allclose(step, 0.5 * gradient, atol=1e-5)


def test_a_batch_without_weight_changes_nothing():
    x, y = toys.data(16)
    model, before = plain_model(), plain_model()
    fit(model, x, y, 1, sample_weight=np.zeros(16), callbacks=[drw(0)])
    assert_same_weights(model, before)


def losses():
    return {
        "focal": keras.losses.CategoricalFocalCrossentropy(from_logits=True),
        "sum": keras.losses.SparseCategoricalCrossentropy(True, reduction="sum"),
        "name": "sparse_categorical_crossentropy",
        "balanced": spa.losses.BalancedSoftmax([7, 5, 3, 1]),
        "ldam": spa.losses.LDAM([7, 5, 3, 1], scale=2.0),
    }


@pytest.mark.parametrize("name", losses())
def test_works_with_any_loss(name):
    x, y = toys.data()
    given = np.eye(4, dtype="float32")[y] if name == "focal" else y
    optimizer = keras.optimizers.SGD
    deferred = plain_model(optimizer(0.01), losses()[name])
    expected = plain_model(optimizer(0.01), losses()[name])
    fit(deferred, x, given, 2, callbacks=[drw(0)])
    fit(expected, x, given, 2, sample_weight=in_batches(np.array(weights_by_loop())[y]))
    assert_same_weights(deferred, expected)


def test_counts_come_from_the_loss_unless_given():
    x, y = toys.data()
    loss = spa.losses.BalancedSoftmax(COUNTS)
    given, taken = plain_model(loss=loss), plain_model(loss=loss)
    fit(given, x, y, 2, callbacks=[drw(0)])
    callback = DeferredReweighting(0, beta=BETA)
    fit(taken, x, y, 2, callbacks=[callback])
    assert_same_weights(given, taken)
    np.testing.assert_allclose(callback.class_weights, weights_by_loop())
    other = plain_model(loss=loss)
    fit(other, x, y, 2, callbacks=[DeferredReweighting(0, [5, 5, 5, 5])])
    assert_differ(other, taken)
