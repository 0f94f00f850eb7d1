"""What every split model must do, whatever model it was split from."""

import keras
import numpy as np
import toys

import keras_spa as spa


def host(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def assert_same_logits(old, model, x, softmax=False):
    """Exactly the old model's; of one with a softmax, exactly what that was given."""
    logits = model(x)
    if softmax:
        logits = keras.ops.softmax(logits)
    np.testing.assert_array_equal(host(logits), host(old(x)))


def assert_same_variables(old, model):
    """The old model's trainable variables, each of them once."""
    new = [id(v) for v in model.trainable_variables]
    assert len(new) == len(set(new))
    assert set(new) == {id(v) for v in old.trainable_variables}


def assert_trains_the_old_model(model, x, y, head, dropout=False):
    """A step moves the old model's head; without dropout, class means are a loop's.

    An eager step: what is split is the same in a graph, which takes a second to make.
    """
    before = host(head.kernel)
    features = host(model.backbone(x, training=True))
    model.compile(
        keras.optimizers.SGD(0.5),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    model.train_on_batch(x, y)
    assert np.abs(host(head.kernel) - before).max() > 1e-4
    assert model.aligned_kernel is head.kernel
    if dropout:
        return
    means = np.zeros(tuple(model.class_means.means.shape))
    for c in set(y.tolist()):
        means[c] = np.mean(
            [f for f, label in zip(features, y, strict=True) if label == c], axis=0
        )
    np.testing.assert_allclose(host(model.class_means.means), means, atol=1e-5)


def checked(old, x, y, classifier, softmax=False, alignment=None, **options):
    """`from_model(old)` after all of these checks; `old` has no dropout."""
    alignment = alignment or [spa.SpASLERP(0.5), spa.SpAProj(), spa.SpAReg(0.1)]
    model = spa.SpAModel.from_model(old, alignment, **options)
    assert_same_logits(old, model, x, softmax)
    assert_same_variables(old, model)
    assert_trains_the_old_model(model, x, y, classifier)
    assert_same_logits(old, model, x, softmax)
    return model


def reloaded(model, path):
    model.save(path)
    return keras.saving.load_model(path)


def data():
    return toys.data(16)
