"""BCL's training step against NumPy, and what of it is for training alone."""

import keras
import numpy as np
import pytest
import toys
from contrastive import formula
from gradients import numeric_gradient
from keras import ops

import keras_spa as spa
from keras_spa.models import BCL

COUNTS = [9, 5, 3, 1]
RATE, WEIGHT, TEMPERATURE = 0.1, 0.6, 0.3
EPSILON = 1e-5


def bcl(alignment=None, compiled=None, optimizer=None, **kwargs):
    """A BCL with the same initial weights at every call."""
    keras.utils.set_random_seed(1)
    arguments = {"contrast_weight": WEIGHT, "temperature": TEMPERATURE}
    arguments |= {"hidden_units": 6, "embedding_units": 3}
    head = toys.dense(toys.FEATURES, toys.CLASSES)
    model = BCL(toys.backbone(), head, alignment, **arguments | kwargs)
    loss = spa.losses.BalancedSoftmax(COUNTS)
    model.compile(optimizer or keras.optimizers.SGD(RATE), loss, **(compiled or {}))
    return model


def three_views(samples=12):
    x, y = toys.data(samples)
    noise = np.random.RandomState(5).randn(2, *x.shape).astype("float32")
    return (x, x + 0.3 * noise[0], x - 0.3 * noise[1]), y


def arrays(model):
    return [np.float64(v.numpy()) for v in model.trainable_variables]


def mlp(weights, x):
    first, offset, gamma, beta, second, last = weights
    x = x @ first + offset
    deviation = np.sqrt(np.mean((x - x.mean(axis=0)) ** 2, axis=0) + EPSILON)
    x = gamma * (x - x.mean(axis=0)) / deviation + beta
    return np.maximum(x, 0) @ second + last


def expected_loss(weights, views, y, sample_weight=1.0):
    """Kernels and biases of backbone, classifier, projector and the other's."""
    features = np.tanh(np.concatenate(views) @ weights[0] + weights[1])
    logits = features[: len(y)] @ weights[2] + weights[3] + np.log(COUNTS)
    own = logits[np.arange(len(y)), y]
    losses = np.log(np.exp(logits).sum(axis=1)) - own
    _, *contrasted = np.split(mlp(weights[4:10], features), 3)
    prototypes = mlp(weights[10:], weights[2].T)
    embeddings = np.stack(contrasted, axis=1)
    contrast = formula(embeddings, y, prototypes, TEMPERATURE)
    return np.mean(sample_weight * (losses + WEIGHT * contrast))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_is_one_down_the_gradient_of_the_formula(weighted):
    model, (views, y) = bcl(), three_views()
    given = np.linspace(0.1, 2.0, len(y)) if weighted else None
    shared = np.ones(len(y)) if given is None else given
    before = arrays(model)
    loss = model.train_on_batch(views, y, given, return_dict=True)["loss"]
    assert loss == pytest.approx(expected_loss(before, views, y, shared), rel=1e-5)
    for i, after in enumerate(arrays(model)):

        def of_this(value, i=i):
            return expected_loss(
                [*before[:i], value, *before[i + 1 :]], views, y, shared
            )

        step = RATE * numeric_gradient(of_this, before[i])
        np.testing.assert_allclose(after, before[i] - step, atol=2e-6)


def test_class_means_are_those_of_the_classifiers_view():
    model, (views, y) = bcl(), three_views()
    features = ops.convert_to_numpy(model.backbone(views[0]))
    model.train_on_batch(views, y)
    expected = [features[y == c].mean(axis=0) for c in range(toys.CLASSES)]
    np.testing.assert_allclose(model.class_means.means.numpy(), expected, atol=1e-6)


def test_the_classifier_is_aligned():
    align = spa.SpASLERP(0.3)
    aligned, plain = bcl(align), bcl()
    plain.class_means.keep_covariance()
    views, y = three_views()
    for model in (aligned, plain):
        model.train_on_batch(views, y)
    before = plain.classifier.kernel.numpy().T
    expected = align.update_weights(before, plain.class_means.statistics, step=1)
    np.testing.assert_allclose(
        aligned.classifier.kernel.numpy().T, ops.convert_to_numpy(expected), atol=1e-5
    )
    assert not np.allclose(aligned.classifier.kernel.numpy().T, before, atol=1e-3)


def test_evaluation_and_prediction_see_one_image():
    model, (views, y) = bcl(compiled={"metrics": ["accuracy"]}), three_views()
    record = model.fit(views, y, validation_data=(views[0], y), verbose=0).history
    assert sorted(record) == [
        *("accuracy", "alignment", "loss"),
        *("val_accuracy", "val_alignment", "val_loss"),
    ]
    logits = model.predict(views[0], verbose=0)
    np.testing.assert_array_equal(model.predict(views, verbose=0), logits)
    loss = float(model.loss(y, logits))
    assert record["val_loss"][0] == pytest.approx(loss, rel=1e-5)
    accuracy = np.mean(logits.argmax(axis=1) == y)
    assert record["val_accuracy"][0] == pytest.approx(accuracy)


def test_accuracy_in_training_is_that_of_the_classifiers_view():
    model = bcl(compiled={"metrics": ["accuracy"]})
    views, y = three_views()
    logits = ops.convert_to_numpy(model(views[0]))
    logs = model.train_on_batch(views, y, return_dict=True)
    assert logs["accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == y))


class Noisy(keras.Layer):
    """Three views, two of them noisy."""

    def call(self, images, training=True):
        return images, images + 0.1, images * 0.9


def test_views_can_be_made_in_the_model():
    (x, _, _), y = three_views()
    inside, outside = bcl(augment=Noisy()), bcl()
    inside.train_on_batch(x, y)
    outside.train_on_batch(Noisy()(x), y)
    toys.assert_same_state(inside, outside, atol=1e-6)
    assert inside.predict(x, verbose=0).shape == (12, toys.CLASSES)


def with_everything():
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    return bcl(toys.all_alignments(20), toys.EAGER, optimizer)


def test_saved_and_loaded_goes_on_as_if_it_had_not_stopped(tmp_path):
    views, y = three_views(48)
    steady, stopped = with_everything(), with_everything()
    for model in (steady, stopped):
        toys.fit(model, views, y)
    stopped.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is BCL
    for a, b in zip(loaded.variables, stopped.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    expected = toys.fit(steady, views, y, epochs=4, initial_epoch=2).history
    actual = toys.fit(loaded, views, y, epochs=4, initial_epoch=2).history
    for a, b in zip(loaded.variables, steady.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6, err_msg=a.path)
    for name, values in expected.items():
        np.testing.assert_allclose(actual[name], values, atol=1e-5)


def test_a_backbone_that_is_not_built_learns_its_shape_from_the_views():
    head = keras.layers.Dense(toys.CLASSES)
    model = BCL(keras.layers.Dense(5), head, hidden_units=3, embedding_units=2)
    model.compile("sgd", spa.losses.BalancedSoftmax(COUNTS))
    views, y = three_views()
    model.fit(views, y, verbose=0)
    assert model.projector.input_shape == (None, 5)
    assert model.predict(views[0], verbose=0).shape == (12, toys.CLASSES)


def test_it_is_diagnosed_and_aligned_like_any_model():
    model, (views, y) = bcl(), three_views(48)
    toys.fit(model, views, y)
    report = spa.diagnose(model, (views[0], y), COUNTS, verbose=0)
    logits = model.predict(views[0], verbose=0)
    assert report.accuracy == pytest.approx(np.mean(logits.argmax(axis=1) == y))
    aligned = spa.align(model, (views[0], y), verbose=0)
    assert type(aligned) is BCL
    assert aligned.temperature == TEMPERATURE


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="no SavedModel there")
def test_an_export_is_the_inference_path_alone(tmp_path):
    import tensorflow as tf

    model, (views, y) = bcl(), three_views()
    model.train_on_batch(views, y)
    model.card = spa.ModelCard([f"class {c}" for c in range(toys.CLASSES)])
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    logits = loaded.serve(tf.constant(views[0]))["logits"]
    np.testing.assert_allclose(logits, model.predict(views[0], verbose=0), atol=1e-5)
    trainable = [v for v in loaded.variables if v.trainable]
    assert len(trainable) == 4  # kernel and bias of backbone and classifier
    assert spa.ModelCard.read(tmp_path / "exported") == model.card


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"contrast_weight": -0.1}, "contrast_weight"),
        ({"temperature": 0}, "temperature"),
        ({"hidden_units": 0}, "hidden_units"),
        ({"embedding_units": 1.5}, "embedding_units"),
        ({"augment": lambda x: (x, x, x)}, "augment"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received"):
        bcl(**arguments)


@pytest.mark.parametrize("count", [None, 2])
def test_images_without_their_views_are_named(count):
    views, y = three_views()
    x = views[0] if count is None else views[:count]
    with pytest.raises(ValueError, match="`x` must hold 3 views.*Received"):
        bcl().train_on_batch(x, y)


def test_soft_labels_are_named():
    views, y = three_views()
    with pytest.raises(ValueError, match="Argument `labels` must be integers"):
        bcl().train_on_batch(views, np.eye(toys.CLASSES)[y])
