"""An aligned copy is compiled as its model is."""

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa
from keras_spa.trained.align import align_by_rule


def test_a_compiled_model_gives_a_compiled_one():
    x, y = toys.data()
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9))
    loss = spa.losses.BalancedSoftmax([9, 5, 3, 1])
    model = toys.model("spa_proj", optimizer, loss, {"metrics": ["accuracy"]})
    toys.fit(model, x, y)
    before = [keras.ops.convert_to_numpy(value) for value in model.optimizer.variables]
    aligned = spa.align(model, (x, y), verbose=0)
    assert aligned.compiled
    assert aligned.optimizer is not model.optimizer
    assert aligned.optimizer.get_config() == model.optimizer.get_config()
    assert aligned.loss.class_counts == [9, 5, 3, 1]
    old = model.evaluate(x, y, verbose=0, return_dict=True)
    new = aligned.evaluate(x, y, verbose=0, return_dict=True)
    assert old.keys() == new.keys()
    right = aligned.predict(x, verbose=0).argmax(axis=1) == y
    assert new["accuracy"] == pytest.approx(right.mean())
    toys.fit(aligned, x, y)
    for old_value, value in zip(before, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old_value, keras.ops.convert_to_numpy(value))


def test_model_and_choice_come_from_one_look_at_the_data():
    x, y = toys.data()
    model, few = toys.model("spa_proj"), (x[:9], y[:9])
    aligned, choice = align_by_rule(model, (x, y), few, verbose=0)
    assert choice == spa.choose_alignment(model, (x, y), few, verbose=0)
    expected = spa.align(model, (x, y), held_out=few, verbose=0)
    for value, other in zip(aligned.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(value, other)


def test_without_compile_there_is_none():
    x, y = toys.data()
    model = spa.SpAModel(toys.backbone(), toys.dense(toys.FEATURES, toys.CLASSES))
    assert not spa.align(model, (x, y), verbose=0).compiled


class OwnLoss(keras.losses.Loss):
    """A loss that is not registered, but can be made from its configuration."""

    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, True)


class Odd(OwnLoss):
    """One that cannot."""

    def __init__(self, needed):
        super().__init__()


def own_function(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, True)


@pytest.mark.parametrize("loss", [OwnLoss(), own_function])
def test_losses_of_the_user_come_along(loss):
    x, y = toys.data()
    model = toys.model(None, loss=loss)
    aligned = spa.align(model, (x, y), verbose=0)
    assert np.isfinite(aligned.evaluate(x, y, verbose=0)).all()


def test_what_cannot_be_made_anew_warns():
    x, y = toys.data()
    model = toys.model(None, loss=Odd(needed=1))
    with pytest.warns(UserWarning, match="is not compiled.*compile it yourself"):
        aligned = spa.align(model, (x, y), verbose=0)
    assert not aligned.compiled
