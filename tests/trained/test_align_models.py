"""`align`, `choose_alignment` and `diagnose` on the models that people have."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_spa as spa

K, D = 3, 6
ALIGNMENT = spa.SpASLERP.paper(1.0, threshold=1.0, center=True)


def data(seed=0):
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(K), [20, 9, 5])
    means = 2 * spa.theory.simplex_etf(K, 5, seed=1)
    return (means[labels] + random.randn(len(labels), 5)).astype("float32"), labels


class Subclassed(keras.Model):
    """Its class is not registered, and its layers are named anew in each copy."""

    def __init__(self, softmax=False, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.fc, self.softmax = layers.Dense(D), layers.Dense(K), softmax

    def call(self, x):
        logits = self.fc(self.hidden(x))
        return keras.ops.softmax(logits) if self.softmax else logits

    def get_config(self):
        return {"softmax": self.softmax}


class Wrapped(keras.Model):
    """A Functional model with a constructor of its own."""

    def __init__(self, units, **kwargs):
        inputs = keras.Input((5,))
        self.units = units
        x = layers.Dense(D, name="hidden")(inputs)
        super().__init__(inputs, layers.Dense(units, "softmax", name="fc")(x), **kwargs)

    def get_config(self):
        return {"units": self.units}


def stack(*last):
    first = [keras.Input((5,)), layers.Dense(D, name="hidden")]
    return keras.Sequential([*first, *last])


def dense(activation=None):
    return layers.Dense(K, activation, name="fc")


def subclassed(softmax=False):
    model = Subclassed(softmax)
    model(np.zeros((1, 5)))
    return model


MODELS = {
    "Dense with softmax": (lambda: stack(dense("softmax")), None),
    "softmax layer": (lambda: stack(dense(), layers.Softmax()), None),
    "subclassed": (lambda: subclassed(False), "fc"),
    "subclassed softmax": (lambda: subclassed(True), "fc"),
    "Functional of a class": (lambda: Wrapped(K), "fc"),
}


def part(model, name):
    layer = getattr(model, name, None)
    return layer if isinstance(layer, keras.Layer) else model.get_layer(name)


@pytest.mark.parametrize("kind", MODELS)
def test_a_copy_of_the_same_type_is_aligned_and_the_old_model_stays(kind):
    make, head = MODELS[kind]
    old, (images, labels) = make(), data()
    old_outputs = keras.ops.convert_to_numpy(old(images))
    before = old.get_weights()
    arguments = {"verbose": 0, "head": head}
    aligned = spa.align(old, (images, labels), ALIGNMENT, batch_size=7, **arguments)
    assert type(aligned) is type(old)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(old(images)), old_outputs)
    for one, other in zip(before, old.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    features = keras.ops.convert_to_numpy(part(old, "hidden")(images))
    means = np.array([features[labels == c].mean(axis=0) for c in range(K)])
    centred = means - means.mean(axis=0)
    kernel, bias = part(old, "fc").get_weights()
    lengths = np.linalg.norm(kernel, axis=0)
    kernel = lengths * (centred / np.linalg.norm(centred, axis=1)[:, None]).T
    logits = features @ kernel + bias
    expected = logits
    if "softmax" in kind or kind == "Functional of a class":
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    outputs = keras.ops.convert_to_numpy(aligned(images))
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    report = spa.diagnose(aligned, (images, labels), **arguments)
    assert report.metrics["nc3_cosine"] == pytest.approx(1, abs=1e-5)
    assert report.accuracy == pytest.approx(np.mean(logits.argmax(axis=1) == labels))


@pytest.mark.parametrize("kind", MODELS)
def test_the_rule_works_on_the_logits(kind):
    make, head = MODELS[kind]
    model, train = make(), data()
    arguments = {"verbose": 0, "head": head}
    choice = spa.choose_alignment(model, train, **arguments)
    aligned = spa.align(model, train, **arguments)
    (kernel, bias), (new_kernel, new_bias) = (
        part(m, "fc").get_weights() for m in (model, aligned)
    )
    prior = np.log(np.array([20, 9, 5]) / 34)
    features = keras.ops.convert_to_numpy(part(model, "hidden")(train[0]))
    means = np.array([features[train[1] == c].mean(axis=0) for c in range(K)])
    new_kernel, new_bias = (
        choice.temperature * array for array in (new_kernel, new_bias)
    )
    turn = new_kernel - kernel  # 0.2 Σ⁻¹(μ_c − μ_G), whose logits at μ_G are equal
    shift = new_bias - bias + choice.tau * prior + turn.T @ means.mean(axis=0)
    assert choice.beta == 0.2
    expected = -np.sum(turn.T * (means - means.mean(axis=0)), axis=1) / 2
    np.testing.assert_allclose(shift, expected, atol=1e-4)


def test_a_spa_model_of_a_subclassed_model():
    old = subclassed(False)
    model = spa.SpAModel.from_model(old, spa.SpAReg.paper(0.1), head="fc")
    aligned = spa.align(model, data(), ALIGNMENT, verbose=0)
    assert aligned.aligned_kernel is aligned.backbone.model.fc.kernel
    assert aligned.aligned_kernel is not old.fc.kernel
    report = spa.diagnose(aligned, data(), verbose=0)
    assert report.metrics["nc3_cosine"] == pytest.approx(1, abs=1e-5)


def test_what_training_needs_is_not_copied():
    """A loss of one's own, and a Lambda, which no file could bring in."""
    old = stack(layers.Lambda(lambda x: x / 2), dense("softmax"))
    old.compile("sgd", lambda y, p: keras.ops.mean(p))
    aligned = spa.align(old, data(), ALIGNMENT, verbose=0)
    assert not aligned.compiled
    assert old.compiled
    report = spa.diagnose(aligned, data(), verbose=0)
    assert report.metrics["nc3_cosine"] == pytest.approx(1, abs=1e-5)


class NoConfig(Subclassed):
    def __init__(self, thing):
        super().__init__()


class Forgetful(Subclassed):
    def get_config(self):
        return {}


class Otherwise(Subclassed):
    """Its copy has another shape."""

    made = 0

    def get_config(self):
        return {}

    def __init__(self):
        super().__init__()
        Otherwise.made += 1
        self.hidden = layers.Dense(D + Otherwise.made)


@pytest.mark.parametrize(
    "make", [lambda: NoConfig(object()), Otherwise, lambda: Forgetful(softmax=True)]
)
def test_what_cannot_be_copied_is_refused(make):
    model = make()
    model(np.zeros((1, 5)))
    message = "`model` must be a model that can be copied.*`get_config`"
    with pytest.raises(ValueError, match=message):
        spa.align(model, data(), head="fc", verbose=0)
    spa.diagnose(model, data(), head="fc", verbose=0)


def run(name, model, dataset, **arguments):
    if name == "choose_alignment":
        return spa.choose_alignment(model, dataset, verbose=0, **arguments)
    return getattr(spa, name)(model, dataset, verbose=0, **arguments)


@pytest.mark.parametrize("name", ["align", "choose_alignment", "diagnose"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y + 1), "has 3 classes.*integers in 0..2.*such as 3"),
        (lambda x, y: (x, np.eye(4)[y]), r"has 3 classes.*\(B, 3\).*\(34, 4\)"),
        (lambda x, y: (x, np.array(list("abc"))[y]), "array of real numbers"),
        (lambda x, y: (x, np.array(list("abc"))[np.eye(3, dtype=int)[y]]), "numbers"),
        (lambda x, y: (x, -np.eye(3)[y]), "non-negative"),
        (lambda x, y: (x[:0], y[:0]), "must hold images.*no batch"),
        (lambda x, y: [(x[:0], y[:0])], "must hold images.*no batch"),
        (lambda x, y: (x, y[:9]), r"as many labels as images.*\[34, 9\]"),
    ],
)
def test_data_that_does_not_fit(name, change, message):
    with pytest.raises(ValueError, match=message) as caught:
        run(name, stack(dense()), change(*data()))
    assert "`dataset`" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["align", "choose_alignment", "diagnose"])
@pytest.mark.parametrize(
    ("make", "head", "message"),
    [
        (lambda: keras.Sequential([layers.Dense(K)]), None, "must be a built model"),
        (Subclassed, "fc", "must be a built model"),
        (lambda: subclassed(False), None, "`head` must name"),
        (lambda: spa.SpAModel(layers.Dense(D), layers.Dense(K)), None, "must be built"),
        (
            lambda: spa.SpAModel(stack(), layers.Dense(K)),
            "fc",
            "`head` must be None for a SpAModel",
        ),
    ],
)
def test_models_that_are_not_ready(name, make, head, message):
    with pytest.raises(ValueError, match=message):
        run(name, make(), data(), head=head)


def test_copies_keep_what_layers_have_adapted_to():
    random = np.random.RandomState(0)
    x, y = 5 + 3 * random.randn(60, 4).astype("float32"), np.arange(60) % 3
    scale = keras.layers.Normalization()
    scale.adapt(x)
    model = keras.Sequential([keras.Input((4,)), scale, keras.layers.Dense(3)])
    copy = spa.align(model, (x, y), spa.SpASLERP(0.0), verbose=0)
    outputs = (keras.ops.convert_to_numpy(m(x)) for m in (model, copy))
    np.testing.assert_array_equal(*outputs)
