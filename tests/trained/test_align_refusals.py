"""What `align` and `choose_alignment` refuse, and how they say so."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_spa as spa

K, D = 3, 6
ARRIVE = spa.SpASLERP.paper(1.0, threshold=1.0, center=True)


def clusters(counts=(4, 4, 4), seed=0):
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(K), counts)
    means = 2 * spa.theory.simplex_etf(K, 5, seed=1)
    return (means[labels] + random.randn(len(labels), 5)).astype("float32"), labels


def backbone():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((5,)), layers.Dense(D)])


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((5,)), *backbone().layers, layers.Dense(K)])


class Once:
    """It can be iterated over again, and gives nothing then."""

    def __init__(self, batches):
        self.batches = iter(batches)

    def __iter__(self):
        return self.batches


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alignment": spa.SpAReg(0.1)}, "None or an Alignment that updates weights"),
        ({"alignment": 0.5}, "that updates weights"),
        ({"alignment": "auto"}, "that updates weights"),
        ({"alignment": ARRIVE, "held_out": clusters()}, "`held_out` must be None"),
        ({"alignment": ARRIVE, "augment": abs}, "`augment` must be None"),
        ({"alignment": ARRIVE, "class_counts": [1]}, "`class_counts` must be None"),
        ({"alignment": spa.SpASLERP(spa.CosineRamp(0.2, 9))}, "a number as its rate"),
        ({"alignment": spa.SpASLERP(0.25, every=10)}, "and every=1"),
        ({"class_counts": [1, 2]}, "each of 3 classes"),
        ({"batch_size": 0}, "`batch_size` must be an integer"),
        ({"augment": []}, "`augment` must hold images"),
        ({"augment": [layers.GaussianNoise(0.1)]}, "`augment` must give batches"),
        ({"augment": lambda x: x[:3]}, "as many of the same kind.*for images of"),
        ({"augment": lambda x: x[:, :2]}, "the same kind, which the model takes"),
        ({"augment": lambda x: None}, "as many of the same kind"),
        ({"augment": lambda x: (x, x)}, "as many of the same kind"),
        ({"augment": lambda x: x * np.nan}, "`augment` must give finite features"),
        ({"held_out": []}, "`held_out` must hold images"),
        ({"held_out": "x"}, "`held_out` must be .images, labels. arrays"),
        ({"held_out": (np.full((2, 5), np.nan), [0, 1])}, "numbers in lists"),
        ({"held_out": (np.full((1, 5), np.nan), np.zeros(1))}, "`held_out` must give"),
    ],
)
def test_bad_arguments(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        spa.align(model, clusters(), verbose=0, **arguments)


def test_bad_data(model):
    images, labels = clusters()
    for data, message in (
        ((np.full_like(images, np.nan), labels), "finite features"),
        ((images, labels + 1), "integers in 0..2"),
        ((np.ones_like(images), labels), "scatter about their class means"),
        (((images, labels), (images, labels)), "a list of batches"),
        ([(images[0], labels[0])], "`dataset` must give batches.*a single label, 0"),
        ([(images[0], np.eye(K)[0])], r"as many labels as images.*\(5,\).*\(3,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            spa.align(model, data, verbose=0)


def test_training_images_are_not_held_out(model):
    batches = [clusters()]
    images, labels = batches[0]
    for train, held_out in ((batches, batches), ((images, labels), (images, labels))):
        with pytest.raises(ValueError, match="`held_out` must be .* not trained on"):
            spa.align(model, train, held_out=held_out, verbose=0)


def test_images_of_one_class(model):
    with pytest.raises(ValueError, match="at least 2 classes.*of class 0 alone"):
        spa.align(model, clusters([9, 0, 0]), class_counts=[9, 3, 1], verbose=0)


@pytest.mark.parametrize("once", [iter, Once])
@pytest.mark.parametrize("function", [spa.align, spa.choose_alignment])
def test_data_that_end_with_the_first_pass(model, function, once):
    with pytest.raises(ValueError, match="gone through twice.*Received"):
        function(model, once([clusters()]), verbose=0)


def test_scatter_that_is_rounding_is_none(model):
    """Without a limit the weights would be 1e15 times the means."""
    images = np.repeat(np.eye(K, 5, dtype="float32"), 7, axis=0) + 0.3
    images += 1e-8 * np.random.RandomState(0).randn(*images.shape)
    flat = keras.Sequential([keras.Input((5,)), layers.Dense(K)])
    with pytest.raises(ValueError, match="scatter about their class means"):
        spa.align(flat, (images, np.repeat(np.arange(K), 7)), verbose=0)


@pytest.mark.parametrize("value", [np.nan, 3e38])
def test_logits_that_are_not_finite(model, value):
    model.layers[-1].kernel.assign(np.full((D, K), value))
    with pytest.raises(ValueError, match="`model` must give finite logits"):
        spa.choose_alignment(model, clusters(), verbose=0)


class Normalizing(layers.Dense):
    def call(self, x, training=None):
        return super().call(9 * ops.normalize(x, axis=-1), training=training)


class Squashing(layers.Dense):
    def call(self, x, training=None):
        return ops.tanh(super().call(x, training=training))


@pytest.mark.parametrize("head", [Squashing, Normalizing])
@pytest.mark.parametrize("half", [False, True])
def test_a_head_that_is_not_linear(head, half):
    layer = head(K)
    if half:
        layer.dtype_policy = "mixed_bfloat16"
    model = spa.SpAModel(backbone(), layer)
    model.classifier.kernel.assign(3 * model.classifier.kernel)
    with pytest.raises(ValueError, match="decides by its kernel.*something else"):
        spa.choose_alignment(model, clusters(), verbose=0)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_rounding_is_no_difference(dtype):
    wide = [keras.Input((5,)), layers.Dense(512, "relu", dtype=dtype)]
    model = keras.Sequential([*wide, layers.Dense(K, dtype=dtype)])
    choice = spa.choose_alignment(model, clusters([40, 12, 5]), verbose=0)
    assert choice.beta == 0.2


def test_a_quantized_head(model):
    model.layers[-1].quantize("int8")
    with pytest.raises(ValueError, match="quantized to int8"):
        spa.align(model, clusters(), ARRIVE, verbose=0)
    with pytest.raises(ValueError, match="align first"):
        spa.choose_alignment(model, clusters(), verbose=0)


class Scaled(keras.Model):
    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.fc, self.scale = layers.Dense(D), layers.Dense(K), scale

    def call(self, x):
        return self.scale * self.fc(self.hidden(x))


def test_a_scale_after_the_head_of_a_subclassed_model():
    for scale in (1.0, 9.0):
        model = Scaled(scale)
        model(np.zeros((1, 5)))
        arguments = {"head": "fc", "verbose": 0}
        if scale == 1:
            spa.choose_alignment(model, clusters(), **arguments)
        else:
            with pytest.raises(ValueError, match="without a scale.*Received: Scaled"):
                spa.choose_alignment(model, clusters(), **arguments)


def test_weights_beyond_the_dtype():
    """Features of 1e-6 ask for weights of more than 65504."""
    model = keras.Sequential([keras.Input((5,)), layers.Dense(K, dtype="float16")])
    images, labels = clusters([40, 12, 5])
    with pytest.raises(ValueError, match="dtype holds.*of float16"):
        spa.align(model, (images * 1e-6, labels), verbose=0)
