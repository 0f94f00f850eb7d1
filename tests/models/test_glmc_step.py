"""What a training step of GLMC computes, and of which images."""

import keras
import numpy as np
import pytest
from keras import ops
from small_glmc import COUNTS, EPOCHS, IMAGES, LABELS, glmc, plain_views

import keras_spa as spa


def batch():
    """Whose four views are all different."""
    x, y = plain_views()
    views = {"images": (IMAGES, 255 - IMAGES)}
    return {**x, **views, "partner": (IMAGES[::-1], IMAGES[::-1] // 2)}, y


def numbers(structure):
    leaves = keras.tree.flatten(structure)
    return [ops.convert_to_numpy(leaf) for leaf in leaves]


def test_each_mix_is_of_its_own_view_and_of_that_of_the_partners():
    images = [np.full((3, 16, 12, 3), value, "uint8") for value in (10, 50, 100, 200)]
    mixed, cut, share = numbers(glmc(seed=0).mixture(images[:2], images[2:]))
    np.testing.assert_array_equal(mixed, round(100 - 90 * float(share)))
    assert {*np.unique(cut)} == {50, 200}


def of_dtype(dtype):
    """The batch statistics stay."""
    model = glmc(views=False)
    layers = model.backbone.layers
    layers[2].momentum = 1.0
    backbone = keras.Sequential([keras.Input((8, 8, 3), dtype=dtype), *layers])
    options = {"class_counts": COUNTS, "epochs": EPOCHS, "seed": 2}
    return spa.models.GLMC(backbone, keras.layers.Dense(3), **options)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_outputs_are_those_of_the_layers_for_both_mixes(dtype):
    """A network of bytes sees rounded mixes, one of decimals the exact ones."""
    model, (x, _) = of_dtype(dtype), batch()
    state = ops.convert_to_numpy(model.mixture.generator.state)
    clean, got = model(x, training=True, return_features=True)
    model.mixture.generator.state.assign(state)
    *mixes, share = model.mixture(x["images"], x["partner"], whole=dtype == "uint8")
    features = [model.backbone(mix, training=True) for mix in mixes]
    projected = [model.projector(h) for h in features]
    expected_clean = model.backbone(IMAGES, training=False)
    expected = got._replace(
        logits=model.classifier(expected_clean),
        fc=[model.fc(h) for h in features],
        fc_cb=[model.classifier(h) for h in features],
        projected=projected,
        predicted=[model.predictor(z) for z in projected],
        share=share,
    )
    pairs = zip(numbers((expected_clean, expected)), numbers((clean, got)), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def test_accuracy_in_training_is_that_of_fc_cb():
    model = glmc(views=False, rate=0.0)
    model.classifier.bias.assign([99.0, 0, 0])
    model.fc.bias.assign([0, 0, 99.0])
    logs = model.train_on_batch(*batch(), return_dict=True)
    assert logs["accuracy"] == pytest.approx(np.mean(LABELS == 0))


def test_penalties_of_its_layers_join_the_loss():
    regularizers = None, keras.regularizers.L2(0.5)
    plain, regular = (
        glmc(views=False, fc=keras.layers.Dense(3, kernel_regularizer=one))
        for one in regularizers
    )
    kernel = ops.convert_to_numpy(plain.fc.kernel)
    regular.fc.kernel.assign(kernel)
    losses = [
        m.train_on_batch(*batch(), return_dict=True)["loss"] for m in (plain, regular)
    ]
    assert losses[1] - losses[0] == pytest.approx(0.5 * np.sum(kernel**2), rel=1e-4)


def test_a_penalty_moves_the_weights_and_never_the_features():
    """The class means are those of the batch, of features without a gradient."""
    penalized, plain = (
        glmc(alignment, views=False, momentum=0.0)
        for alignment in (spa.SpAReg.paper(5.0), None)
    )
    for model in (penalized, plain):
        model.train_on_batch(*batch())
    pairs = zip(penalized.backbone.variables, plain.backbone.variables, strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(*numbers((one, other)), atol=1e-6)
    change = np.subtract(*numbers((penalized.fc.kernel, plain.fc.kernel)))
    assert np.abs(change).max() > 1e-3
