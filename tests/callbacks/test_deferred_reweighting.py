import hypothesis
import keras
import numpy as np
import pytest
import toys
from hypothesis import strategies as st

import keras_spa as spa
from keras_spa.callbacks import DeferredReweighting
from keras_spa.losses._effective_number import effective_number_weights

BACKEND = keras.backend.backend()
COUNTS, BETA = [400, 90, 30, 5], 0.99
HOW = {
    "eager": {"run_eagerly": True},
    "graph": {"jit_compile": False},
    "jit": {"jit_compile": True},
}
if BACKEND != "tensorflow":  # where not compiling is eager
    del HOW["graph"]


def weights_by_loop(counts=COUNTS, beta=BETA):
    """Normalised (1−β)/(1−β^n), one class at a time."""
    weights = [(1 - beta) / (1 - beta**n) for n in counts]
    return [w * len(counts) / sum(weights) for w in weights]


def plain_model(optimizer=None, loss=None, compiled=None):
    model = keras.Sequential(
        [
            keras.Input((toys.INPUTS,)),
            toys.dense(toys.INPUTS, toys.FEATURES, "tanh"),
            toys.dense(toys.FEATURES, toys.CLASSES),
        ]
    )
    model.compile(
        optimizer or keras.optimizers.SGD(0.2, momentum=0.9),
        loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **(compiled or {}),
    )
    return model


def spa_model(*args, **kwargs):
    return toys.model(toys.all_alignments(), *args, **kwargs)


def fit(model, x, y, epochs, **kwargs):
    settings = {"batch_size": 16, "shuffle": False, "verbose": 0}
    return model.fit(x, y, epochs=epochs, **settings, **kwargs).history


def drw(epoch, **kwargs):
    return DeferredReweighting(epoch, COUNTS, **{"beta": BETA, **kwargs})


def assert_same_weights(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def assert_differ(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    assert any(not np.allclose(a, b, atol=1e-3) for a, b in pairs)


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
@pytest.mark.parametrize("how", HOW)
def test_equals_class_weights_from_the_epoch_on(make, how):
    if BACKEND == "torch" and how == "jit" and make is spa_model:
        pytest.skip("torch.compile takes a minute; the plain model shows it")
    x, y = toys.data(40)  # the last batch is smaller
    deferred = make(compiled={**HOW[how], "metrics": ["accuracy"]})
    expected = make(compiled={"run_eagerly": True, "metrics": ["accuracy"]})
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


@pytest.mark.parametrize("how", [how for how in HOW if how != "eager"])
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
    both = sample_weight * (soft @ by_class if labels == "soft" else by_class[y])
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
    fit(expected, x, given, 2, sample_weight=np.array(weights_by_loop())[y])
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


@pytest.mark.parametrize("make", [plain_model, spa_model])
@pytest.mark.parametrize("epoch", [1, 3])
def test_saved_while_training_and_resumed(make, epoch, tmp_path):
    x, y = toys.data()
    path = tmp_path / "{epoch}.keras"
    save = keras.callbacks.ModelCheckpoint(path, verbose=0)
    steady = make()
    fit(steady, x, y, 4, callbacks=[drw(epoch), save])
    resumed = keras.saving.load_model(tmp_path / "2.keras")
    fit(resumed, x, y, 4, initial_epoch=2, callbacks=[drw(epoch)])
    assert_same_weights(resumed, steady)


def test_backup_and_restore(tmp_path):
    x, y = toys.data()
    steady, stopped = plain_model(), plain_model()
    fit(steady, x, y, 4, callbacks=[drw(1)])

    def callbacks():
        return [drw(1), keras.callbacks.BackupAndRestore(tmp_path / "backup")]

    with pytest.raises(KeyboardInterrupt):
        fit(stopped, x, y, 4, callbacks=[*callbacks(), Interrupt(after=2)])
    again = plain_model()
    fit(again, x, y, 4, callbacks=callbacks())
    assert_same_weights(again, steady)


class Interrupt(keras.callbacks.Callback):
    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.after:
            raise KeyboardInterrupt


def test_fit_leaves_the_model_as_it_was():
    x, y = toys.data()
    model, reference = plain_model(), plain_model()
    metrics, variables = list(model.metrics), len(model.variables)
    fit(model, x, y, 2, callbacks=[drw(1)])
    assert model.metrics == metrics
    assert len(model.variables) == variables
    assert "compute_loss" not in vars(model)
    weights = dict(enumerate(weights_by_loop()))
    fit(reference, x, y, 1)
    fit(reference, x, y, 2, initial_epoch=1, class_weight=weights)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(
        reference.evaluate(x, y, verbose=0), abs=1e-5
    )
    fit(model, x, y, 2)  # unweighted
    fit(reference, x, y, 2)
    assert_same_weights(model, reference)


@pytest.mark.parametrize("same_callback", [True, False])
def test_an_interrupted_fit_leaves_no_weights(same_callback):
    x, y = toys.data()
    model, reference = plain_model(), plain_model()
    callback = drw(0)
    with pytest.raises(KeyboardInterrupt):
        fit(model, x, y, 2, callbacks=[callback, Interrupt(after=1)])
    fit(reference, x, y, 1, class_weight=dict(enumerate(weights_by_loop())))
    fit(model, x, y, 1)
    fit(reference, x, y, 1)
    assert_same_weights(model, reference)
    fit(model, x, y, 1, callbacks=[callback if same_callback else drw(0)])
    fit(reference, x, y, 1, callbacks=[drw(0)])
    assert_same_weights(model, reference)
    assert len(model.metrics) == len(reference.metrics)


def test_evaluate_and_predict_take_the_callback_and_ignore_it():
    x, y = toys.data()
    model = plain_model()
    expected = model.evaluate(x, y, verbose=0)
    actual = model.evaluate(x, y, verbose=0, callbacks=[drw(0)])
    assert actual == pytest.approx(expected)
    model.predict(x, verbose=0, callbacks=[drw(0)])


def test_with_several_steps_an_execution():
    if BACKEND == "torch":
        pytest.skip("Keras does not support it on PyTorch")
    x, y = toys.data()
    one, three = plain_model(), plain_model(compiled={"steps_per_execution": 3})
    fit(one, x, y, 3, callbacks=[drw(1)])
    fit(three, x, y, 3, callbacks=[drw(1)])
    assert_same_weights(one, three)


def test_only_the_loss_of_training_is_weighted():
    x, y = toys.data()
    model, losses = plain_model(), {}

    def measure(epoch, logs):
        for training in (True, False):
            loss = model.compute_loss(x, y, model(x), None, training=training)
            losses[training] = float(loss)

    measuring = keras.callbacks.LambdaCallback(on_epoch_end=measure)
    fit(model, x, y, 1, callbacks=[drw(0), measuring])
    logits = model.predict(x, verbose=0)
    each = -logits[range(len(y)), y] + np.log(np.exp(logits).sum(axis=1))
    weights = np.array(weights_by_loop())[y]
    assert losses[True] == pytest.approx(np.mean(weights * each), abs=1e-5)
    assert losses[False] == pytest.approx(np.mean(each), abs=1e-5)


class OlderModel(keras.Model):
    """A model of a user's, whose `compute_loss` knows no `training`."""

    def __init__(self):
        super().__init__()
        self.head = toys.dense(toys.INPUTS, toys.CLASSES)

    def call(self, x):
        return self.head(x)

    def compute_loss(self, x, y, y_pred, sample_weight):
        return super().compute_loss(x, y, y_pred, sample_weight)


def test_with_an_older_compute_loss():
    x, y = toys.data()
    loss = keras.losses.SparseCategoricalCrossentropy(True)
    deferred, expected = OlderModel(), OlderModel()
    deferred.compile("sgd", loss)
    expected.compile("sgd", loss)
    weights = dict(enumerate(weights_by_loop()))
    validation = {"validation_data": (x, y)}
    actual = fit(deferred, x, y, 2, callbacks=[drw(0)], **validation)
    history = fit(expected, x, y, 2, class_weight=weights, **validation)
    assert_same_weights(deferred, expected)
    np.testing.assert_allclose(actual["val_loss"], history["val_loss"], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epoch": -1}, "`epoch` .*at least 0. Received: epoch=-1"),
        ({"epoch": 1.5}, "`epoch` .* Received: epoch=1.5"),
        ({"beta": 1.0}, "`beta` must be below 1.* Received: beta=1.0"),
        ({"beta": -0.1}, r"`beta` .*\[0, 1\]. Received: beta=-0.1"),
        ({"beta": float("nan")}, "`beta` .* Received: beta=nan"),
        ({"class_counts": [3, 0]}, "`class_counts` must be positive.*{1: 0}"),
        ({"class_counts": [3, -1]}, "`class_counts` must be positive.*{1: -1}"),
        ({"class_counts": [3]}, "`class_counts` .*at least 2"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeferredReweighting(**{"epoch": 1, "class_counts": COUNTS, **arguments})


def test_missing_counts_are_asked_for():
    x, y = toys.data()
    for callback in (DeferredReweighting(1), DeferredReweighting(1, beta=0.9)):
        with pytest.raises(ValueError, match="`class_counts` must be given"):
            fit(plain_model(), x, y, 1, callbacks=[callback])
    with pytest.raises(ValueError, match="`class_counts` must be given"):
        _ = DeferredReweighting(1).class_weights


def test_counts_of_another_number_of_classes_are_named():
    callback = DeferredReweighting(1, [5, 4, 3])
    with pytest.raises(ValueError, match=r"one count for each logit.*3 class counts"):
        fit(plain_model(), *toys.data(), 1, callbacks=[callback])


def test_several_tensors_of_labels_are_refused():
    inputs = keras.Input((toys.INPUTS,))
    outputs = [keras.layers.Dense(4)(inputs), keras.layers.Dense(4)(inputs)]
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(True)
    model.compile("sgd", [loss, loss])
    x, y = toys.data()
    with pytest.raises(ValueError, match="from one tensor of labels"):
        fit(model, x, [y, y], 1, callbacks=[drw(0)])


class HidesMetrics(OlderModel):
    @property
    def metrics(self):
        return [self._loss_tracker]


def test_a_model_that_hides_its_metrics_is_refused_and_left_alone():
    model = HidesMetrics()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    with pytest.raises(ValueError, match="property `metrics`.*HidesMetrics"):
        fit(model, *toys.data(), 1, callbacks=[drw(0)])
    assert "compute_loss" not in vars(model)
