import json

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa


def fit(model, x, y, **kwargs):
    return model.fit(x, y, batch_size=16, shuffle=False, verbose=0, **kwargs)


def model_with_everything():
    loss = spa.losses.BalancedSoftmax([9, 5, 3, 1])
    optimizer = keras.optimizers.Adam(0.01)
    compiled = {"metrics": ["accuracy"], **toys.EAGER}
    return toys.model(toys.all_alignments(20), optimizer, loss, compiled)


def test_saved_and_loaded_goes_on_as_if_it_had_not_stopped(tmp_path):
    x, y = toys.data()
    steady, stopped = model_with_everything(), model_with_everything()
    fit(steady, x, y, epochs=2)
    fit(stopped, x, y, epochs=2)
    stopped.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    toys.assert_same_state(loaded, stopped, atol=0, rtol=0)
    assert repr(loaded.alignments) == repr(stopped.alignments)
    expected = fit(steady, x, y, epochs=4, initial_epoch=2).history
    actual = fit(loaded, x, y, epochs=4, initial_epoch=2).history
    toys.assert_same_state(loaded, steady, atol=1e-6)
    for name, values in expected.items():
        np.testing.assert_allclose(actual[name], values, atol=1e-5)


def test_weights_file_holds_the_class_means(tmp_path):
    model, other = model_with_everything(), model_with_everything()
    x, y = toys.data()
    fit(model, x, y)
    fit(other, x + 1, y)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    toys.assert_same_state(other, model, atol=0, rtol=0)


@pytest.mark.parametrize("alignment", [None, spa.SpAProj(0.2), toys.all_alignments()])
def test_configuration_survives_json(alignment):
    model = toys.model(alignment, momentum=0.7, name="mine")
    config = json.loads(json.dumps(model.get_config()))
    copy = spa.SpAModel.from_config(config)
    assert copy.name == "mine"
    assert copy.momentum == 0.7
    assert copy.class_means.momentum == 0.7
    assert repr(copy.alignments) == repr(model.alignments)
    assert [v.shape for v in copy.variables] == [v.shape for v in model.variables]


def test_an_unbuilt_backbone_survives_saving(tmp_path):
    x, y = toys.data()
    model = spa.SpAModel(
        keras.layers.Dense(toys.FEATURES), keras.layers.Dense(toys.CLASSES)
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    fit(model, x, y)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    toys.assert_same_state(loaded, model, atol=0, rtol=0)
