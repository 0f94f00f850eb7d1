"""What users rely on when they train, evaluate and predict with a SpAModel."""

import keras
import numpy as np
import pytest
import toys
from keras import ops
from toys import fit

import keras_spa as spa

BACKEND = keras.backend.backend()
SLOW = [pytest.mark.slow] * (BACKEND != "jax")  # XLA on TensorFlow, torch.compile
COMPILED = [pytest.param({"jit_compile": True}, marks=SLOW)]
if BACKEND == "tensorflow":  # on others not compiling is eager
    COMPILED += [{"jit_compile": False}]


@pytest.mark.parametrize("compiled", COMPILED, ids=repr)
def test_graph_and_jit_equal_eager(compiled):
    x, y = toys.data(40)  # the last batch is smaller
    eager = toys.model(toys.all_alignments(), compiled={"run_eagerly": True})
    other = toys.model(toys.all_alignments(), compiled=compiled)
    expected, actual = fit(eager, x, y).history, fit(other, x, y).history
    toys.assert_same_state(other, eager, atol=1e-5)
    for name, values in expected.items():
        np.testing.assert_allclose(actual[name], values, atol=1e-5)


def test_add_loss_is_the_same_as_the_argument():
    x, y = toys.data()
    given = toys.model(spa.SpAReg(0.5), compiled=toys.EAGER)
    added = toys.model(compiled=toys.EAGER)
    added.add_loss(spa.SpAReg(0.5))
    fit(given, x, y)
    fit(added, x, y)
    toys.assert_same_state(given, added, atol=1e-7)
    plain = toys.model(compiled=toys.EAGER)
    fit(plain, x, y)
    assert not np.allclose(plain.classifier.kernel.numpy(), added.classifier.kernel)


def test_add_loss_takes_effect_after_training_has_begun():
    x, y = toys.data()
    model, plain = toys.model(), toys.model()
    fit(model, x, y, epochs=1)
    fit(plain, x, y, epochs=1)
    model.add_loss(spa.SpAReg(5.0))
    loss = model.evaluate(x, y, verbose=0)
    cosine = plain.evaluate(x, y, verbose=0, return_dict=True)["alignment"]
    expected = plain.evaluate(x, y, verbose=0) + 5 * (1 - cosine)
    assert loss == pytest.approx(expected, abs=1e-4)
    fit(model, x, y, epochs=1)
    fit(plain, x, y, epochs=1)
    assert not np.allclose(plain.classifier.kernel.numpy(), model.classifier.kernel)


@pytest.mark.parametrize("change", ["assign", "in place"])
def test_alignments_changed_between_fits_are_those_that_act(change):
    model = toys.model(spa.SpASLERP(0.1), keras.optimizers.SGD(0.0))

    def moves(alignments):
        if change == "assign":
            model.alignments = alignments
        else:
            model.alignments.clear()
            model.alignments.extend(alignments)
        before = model.classifier.get_weights()[0]
        toys.fit(model, *toys.data(), epochs=1)
        return not np.array_equal(before, model.classifier.get_weights()[0])

    assert moves([spa.SpASLERP.paper(0.1)])
    assert not moves([])
    assert moves([spa.SpASLERP(0.1)])


def test_an_alignment_put_in_later_finds_its_covariance():
    model = toys.model()
    toys.fit(model, *toys.data(), epochs=1)
    model.alignments.append(spa.SpASLERP())
    toys.fit(model, *toys.data(), epochs=1)
    assert float(model.class_means.scatter_weight) > 0


def test_add_loss_takes_effect_amid_training():
    x, y = toys.data()
    early, late = toys.model(), toys.model()

    class Later(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.add_loss(spa.SpAReg.paper(5.0))

    fit(late, x, y, epochs=2, callbacks=[Later()])
    fit(early, x, y, epochs=1)
    early.add_loss(spa.SpAReg.paper(5.0))
    fit(early, x, y, epochs=1)
    toys.assert_same_state(early, late, atol=1e-5)


class Recorder(spa.Alignment):
    """Notes in `calls` which hook ran when, and with how many backbone runs."""

    def __init__(self, calls, mark):
        self.calls, self.mark = calls, mark

    def penalty(self, weights, statistics):
        self.calls.append(("penalty", self.mark))
        return 0.0

    def project_gradient(self, gradient, weights, statistics):
        self.calls.append(("project_gradient", self.mark))
        return gradient

    def update_weights(self, weights, statistics, step):
        self.calls.append(("update_weights", self.mark, int(step)))
        return weights


class Noted(keras.layers.Layer):
    def __init__(self, calls):
        super().__init__()
        self.note = calls.append

    def call(self, x):
        self.note("forward")
        return x


def test_one_forward_pass_and_the_hooks_in_order():
    calls = []
    model = spa.SpAModel(
        keras.Sequential([keras.Input((toys.INPUTS,)), Noted(calls)]),
        keras.layers.Dense(toys.CLASSES),
        [Recorder(calls, "a"), Recorder(calls, "b")],
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    x, y = toys.data(16)
    model.train_on_batch(x, y)  # builds what is still to be built
    calls.clear()
    model.train_on_batch(x, y)
    assert calls == [
        "forward",
        ("penalty", "a"),
        ("penalty", "b"),
        ("project_gradient", "a"),
        ("project_gradient", "b"),
        ("update_weights", "a", 2),
        ("update_weights", "b", 2),
    ]


def test_alignment_is_logged_for_training_and_validation():
    x, y = toys.data()
    model = toys.model(compiled={"metrics": ["accuracy"]})
    history = fit(model, x, y, validation_data=(x, y)).history
    assert set(history) == {
        f"{prefix}{name}"
        for prefix in ("", "val_")
        for name in ("loss", "accuracy", "alignment")
    }
    kernel = ops.convert_to_numpy(model.classifier.kernel)
    cosines = model.class_means.statistics.cosines(kernel.T)  # all classes are seen
    cosine = ops.convert_to_numpy(cosines).mean()
    assert history["val_alignment"][-1] == pytest.approx(cosine, abs=1e-6)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["alignment"] == pytest.approx(cosine, abs=1e-6)


def test_alignment_before_training_is_nan():
    model = toys.model()
    logs = model.evaluate(*toys.data(), verbose=0, return_dict=True)
    assert np.isnan(logs["alignment"])


@pytest.mark.parametrize(
    ("alignment", "rises"),
    [
        (spa.SpAReg(2.0), True),
        (spa.SpAReg(2.0, gradient="classifier"), True),
        (spa.SpAReg(2.0, gradient="features"), True),
        (spa.SpASLERP(0.2, center=True), True),
        (spa.SpAReg(-2.0), False),
    ],
    ids=repr,
)
def test_each_strategy_moves_the_alignment_its_way(alignment, rises):
    x, y = toys.data()
    cosines = []
    for strategy in (None, alignment):
        optimizer = keras.optimizers.SGD(0.05)
        model = toys.model(strategy, optimizer, compiled=toys.EAGER)
        for _ in range(8):
            model.train_on_batch(x, y)
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
        cosines.append(logs["alignment"])
    without, cosine = cosines
    assert (cosine > without + 0.02) if rises else (cosine < without - 0.02)


def test_gradient_accumulation_turns_weights_only_at_real_steps():
    x, y = toys.data(16)
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    model = toys.model(spa.SpASLERP(0.5), optimizer)
    before = model.classifier.kernel.numpy().copy()
    model.train_on_batch(x, y)
    np.testing.assert_array_equal(model.classifier.kernel.numpy(), before)
    assert model.class_means.seen.numpy().sum() == toys.CLASSES
    model.train_on_batch(x, y)
    assert not np.allclose(model.classifier.kernel.numpy(), before)


@pytest.mark.filterwarnings("ignore:The classifier's kernel is not trainable")
def test_a_frozen_classifier_is_not_moved_but_features_are():
    x, y = toys.data()
    model = toys.model(toys.all_alignments())
    model.classifier.trainable = False
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    before = [v.numpy().copy() for v in model.classifier.variables]
    features = model.backbone.layers[-1].kernel.numpy().copy()
    fit(model, x, y)
    for old, new in zip(before, model.classifier.variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    assert not np.allclose(features, model.backbone.layers[-1].kernel.numpy())


def test_a_frozen_classifier_is_warned_of():
    model = toys.model(spa.SpASLERP())
    model.classifier.trainable = False
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    with pytest.warns(UserWarning, match="SpASLERP.* will have no effect"):
        fit(model, *toys.data(), epochs=1)


def test_inference_is_backbone_and_classifier_alone():
    x, y = toys.data()
    model = toys.model(toys.all_alignments())
    fit(model, x, y)
    before = toys.state(model)
    expected = ops.convert_to_numpy(model.classifier(model.backbone(x)))
    features, logits = model(x, return_features=True)
    np.testing.assert_allclose(ops.convert_to_numpy(logits), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
    assert features.shape == (len(x), toys.FEATURES)
    model.evaluate(x, y, verbose=0)
    for path, value in toys.state(model).items():
        if "class_means" in path or "dense" in path:
            np.testing.assert_array_equal(value, before[path])
