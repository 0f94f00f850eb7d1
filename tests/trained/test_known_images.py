"""Models that know their training images: is the scatter of these that of new ones?"""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_spa as spa
from keras_spa.trained import Observer
from keras_spa.trained.known_images import metric_gain, midpoint_scatter

K = 3
COUNTS = [10, 6, 2]  # halves are odd: mates are an odd number apart


class Waves(keras.Layer):
    """Features between whole numbers lie far from those of whole numbers."""

    def __init__(self, height, **kwargs):
        super().__init__(**kwargs)
        self.height = height

    def call(self, x):
        waves = self.height * ops.sin(np.pi * x[:, K:])
        return ops.concatenate([x[:, :K], waves], axis=1)

    def get_config(self):
        return {**super().get_config(), "height": self.height}


def classifier(height):
    """It knows all images of `data`."""
    inputs = keras.Input((K + 1,))
    features = Waves(height)(inputs)
    model = keras.Model(inputs, layers.Dense(K)(features))
    model.layers[-1].set_weights([20 * np.eye(K + 1, K), np.zeros(K)])
    return model


def data(dtype="float32"):
    """Images of a class: its direction, a little noise, and their own whole number."""
    labels = np.repeat(np.arange(K), COUNTS)
    own = np.concatenate([np.arange(n) for n in COUNTS])
    noise = np.random.RandomState(0).randint(0, 3, (len(labels), K))
    images = np.column_stack([20 * np.eye(K)[labels] + noise, own])
    return images.astype(dtype), labels


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_the_share_is_that_of_its_formula(dtype):
    model, (images, labels) = classifier(2.0), data(dtype)
    features = keras.Model(model.inputs, model.layers[-1].input)
    h = features.predict(images, verbose=0)
    means = np.stack([h[labels == c].mean(axis=0) for c in range(K)])
    between = within = 0.0
    for part in (slice(0, 8), slice(8, 16), slice(16, 18)):  # batches of 8
        x, y, own = images[part].astype("float64"), labels[part], h[part]
        for c in range(K):
            of_class = np.flatnonzero(y == c)
            n = len(of_class)
            for k in range(n if n > 1 else 0):
                i, j = of_class[k], of_class[(k - n // 2) % n]
                middle = (x[i] + x[j]) / 2
                middle = np.rint(middle) if dtype == "uint8" else middle
                found = features.predict(middle[None].astype(dtype), verbose=0)[0]
                between += np.sum((found - means[c]) ** 2)
                within += np.sum((own[i] - means[c]) ** 2)
    share = midpoint_scatter(Observer(model), (images, labels), means, 8)
    assert share == pytest.approx(between / within, rel=1e-4)


def test_images_that_were_drawn_together_are_adjusted_and_not_turned():
    choice = spa.choose_alignment(classifier(40.0), data(), verbose=0)
    assert choice.beta == 0
    assert "knows its training images (100 % of each class" in str(choice)
    assert "which it has drawn together" in str(choice)
    assert "`augment=` of `keras_spa.align`" in str(choice)
    augment = {"augment": lambda x: x, "verbose": 0}
    assert spa.choose_alignment(classifier(40.0), data(), **augment).beta == 0.2


def in_noise(along, counts=(30, 12, 6), seed=0):
    """Two features: classes are apart along the first, noise is along both, or not."""
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(K), counts)
    apart = np.outer(labels, [1.0, 0.0])
    noise = 0.05 * random.randn(len(labels), 2)
    if along:
        noise += 5 * random.randn(len(labels), 1)
    return (apart + noise).astype("float32"), labels


def linear(along):
    """A classifier that knows all images of `in_noise`."""
    model = keras.Sequential([keras.Input((2,)), layers.Dense(K)])
    places = np.arange(K)
    across = [1.0, -1.0] if along else [1.0, 0.0]
    model.layers[0].set_weights([40 * np.outer(across, places), -20.0 * places**2])
    return model


def test_noise_in_whose_metric_images_left_out_are_found_is_believed():
    images = in_noise(along=True)
    choice = spa.choose_alignment(linear(along=True), images, verbose=0)
    assert choice.beta == 0.2
    assert "has not drawn them together" in str(choice)
    same = spa.choose_alignment(
        linear(along=True), images, augment=lambda x: x, verbose=0
    )
    # As if the images were augmented ones, but for the noise that 48 images keep back.
    assert choice.numbers[:3] == same.numbers[:3]
    assert choice.temperature == pytest.approx(same.temperature, rel=1e-3)


def test_noise_that_class_means_alone_do_for_is_not():
    choice = spa.choose_alignment(linear(False), in_noise(False), verbose=0)
    assert choice.beta == 0
    assert "little better in its metric" in str(choice)


def test_fewer_images_than_features_do_not_show_it():
    (images, labels), model = in_noise(True), linear(True)
    inputs = keras.Input((2,))
    wide = layers.Concatenate()([inputs, *[0 * inputs] * 30])  # 62 features, 48 images
    head = layers.Dense(K)
    wider = keras.Model(inputs, head(wide))
    kernel = np.zeros((62, K))
    kernel[:2] = model.layers[-1].get_weights()[0]
    head.set_weights([kernel, model.layers[-1].get_weights()[1]])
    choice = spa.choose_alignment(wider, (images, labels), verbose=0)
    assert choice.beta == 0
    assert "48 images tell little of 62 features" in str(choice)


def test_what_the_metric_adds_is_that_of_a_loop():
    features, labels = in_noise(True, (40, 17, 2), seed=1)
    right = np.zeros(2)
    for part in range(5):
        kept, left = [], []
        for c in range(K):
            own = features[labels == c]
            for k, feature in enumerate(own):
                (left if k * 5 // len(own) == part else kept).append((c, feature))
        means = [np.mean([f for c, f in kept if c == k], axis=0) for k in range(K)]
        scatter = np.zeros((2, 2))
        for c, feature in kept:
            apart = feature - means[c]
            scatter += np.outer(apart, apart) / sum(k == c for k, _ in kept) / K
        metric = 0.9 * scatter + 0.1 * np.trace(scatter) / 2 * np.eye(2)
        for row, inverse in enumerate((np.eye(2), np.linalg.inv(metric))):
            for c, f in left:
                apart = [(f - m) @ inverse @ (f - m) for m in means]
                right[row] += np.argmin(apart) == c
    plain, noise = right / 59
    assert metric_gain(features, labels, K) == pytest.approx(noise - plain)
    assert noise != plain


def test_too_little_left_adds_nothing():
    features = np.eye(4, dtype="float32")
    assert metric_gain(features, np.array([0, 0, 1, 2]), K) == 0


@pytest.mark.parametrize("batch_size", [1, 18])
def test_too_few_pairs_tell_nothing(batch_size):
    images, labels = data()
    if batch_size > 1:  # two of one class alone
        images, labels = images[[0, 1, 10, 16]], labels[[0, 1, 10, 16]]
    observer, means = Observer(classifier(0.0)), np.zeros((K, K + 1))
    assert midpoint_scatter(observer, (images, labels), means, batch_size) is None


def test_words_have_no_middle():
    inputs = keras.Input((2,), dtype="int32")
    features = layers.Flatten()(layers.Embedding(9, 4)(inputs))
    model = keras.Model(inputs, layers.Dense(K)(features))
    words, labels = np.arange(12).reshape(6, 2) % 9, np.arange(6) % K
    share = midpoint_scatter(Observer(model), (words, labels), np.zeros((K, 8)), 6)
    assert share is None


def test_inputs_by_name_are_mixed_each():
    inputs = {name: keras.Input((2,), name=name) for name in ("left", "right")}
    features = layers.Concatenate()([inputs["left"], inputs["right"]])
    model = keras.Model(inputs, layers.Dense(K)(features))
    x, labels = (
        np.random.RandomState(0).rand(12, 4).astype("float32"),
        np.arange(12) % K,
    )
    means = np.stack([x[labels == c].mean(axis=0) for c in range(K)])
    named = {"left": x[:, :2], "right": x[:, 2:]}
    share = midpoint_scatter(Observer(model), (named, labels), means, 12)
    mates = (np.arange(12) + 6) % 12
    between, within = (x + x[mates]) / 2 - means[labels], x - means[labels]
    assert share == pytest.approx(np.sum(between**2) / np.sum(within**2), rel=1e-5)
