import keras
import numpy as np
import pytest
import toys
from gradients import gradient, numeric_gradient
from keras import ops

import keras_spa as spa
from keras_spa.layers import CosineDense

B, D, K = 5, 6, 4
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(B, D)).astype("float32")
KERNEL = RNG.normal(size=(D, K)).astype("float32")


def formula(features, kernel, scale):
    """`s·cos(w_c, h)`, one sample and one class at a time."""
    logits = np.zeros((len(features), kernel.shape[1]))
    for i, h in enumerate(np.float64(features)):
        for c, w in enumerate(np.float64(kernel).T):
            logits[i, c] = scale * (w @ h) / np.sqrt((w @ w) * (h @ h))
    return logits


def layer(kernel=KERNEL, **kwargs):
    made = CosineDense(K, **kwargs)
    made.build((None, D))
    made.kernel.assign(kernel)
    return made


def logits(made, features=FEATURES):
    return ops.convert_to_numpy(ops.cast(made(features), "float32"))


@pytest.mark.parametrize("scale", [30.0, 1, 0.5])
def test_logits_are_scaled_cosines(scale):
    expected = formula(FEATURES, KERNEL, scale)
    np.testing.assert_allclose(logits(layer(scale=scale)), expected, rtol=1e-5)


def test_lengths_do_not_count():
    expected = logits(layer())
    lengths = np.array([[1e-6, 1e6, 3.0, 1e-2]])
    np.testing.assert_allclose(logits(layer(KERNEL * lengths)), expected, rtol=1e-5)
    lengths = np.array([[1e-6], [1e6], [3.0], [1e-2], [1.0]], "float32")
    np.testing.assert_allclose(logits(layer(), FEATURES * lengths), expected, rtol=1e-5)


def test_all_leading_axes_are_kept():
    stacked = np.stack([FEATURES, 2 * FEATURES])
    once = logits(layer())
    np.testing.assert_allclose(logits(layer(), stacked), [once, once], rtol=1e-5)


def test_gradients_match_finite_differences():
    made, mix = layer(scale=3.0, learn_scale=True), RNG.normal(size=(B, K))

    def value(features, kernel, scale):
        output, _ = made.stateless_call([kernel, scale], [], features)
        return ops.sum(output * ops.cast(mix, "float32"))

    def expected(features, kernel, scale):
        return np.sum(formula(features, kernel, scale) * mix)

    slopes = gradient(value, FEATURES, KERNEL, 3.0)
    arguments = [FEATURES, KERNEL, np.array(3.0)]
    for i, slope in enumerate(slopes):

        def along(array, i=i):
            return expected(*arguments[:i], array, *arguments[i + 1 :])

        numeric = numeric_gradient(along, arguments[i])
        np.testing.assert_allclose(slope, numeric, rtol=1e-3, atol=1e-4)


def test_zeros_give_zeros_and_finite_gradients():
    features = FEATURES.copy()
    features[0] = 0
    made = layer(KERNEL * np.array([0, 1, 1, 1]))
    result = logits(made, features)
    assert np.all(result[0] == 0)
    assert np.all(result[:, 0] == 0)

    def value(features, kernel):
        return ops.sum(made.stateless_call([kernel], [], features)[0])

    for slope in gradient(value, features, ops.convert_to_numpy(made.kernel)):
        assert np.isfinite(slope).all()


def test_the_scale_is_a_weight_only_if_learnt():
    fixed, learnt = layer(), layer(scale=7, learn_scale=True)
    assert [v.name for v in fixed.trainable_variables] == ["kernel"]
    assert [v.name for v in learnt.trainable_variables] == ["kernel", "scale"]
    assert learnt.learnt_scale.shape == ()
    assert float(learnt.learnt_scale) == 7
    before = logits(learnt)
    learnt.learnt_scale.assign(14)
    np.testing.assert_allclose(logits(learnt), 2 * before, rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_normalises_in_float32(policy):
    made = layer(dtype=policy, scale=1, learn_scale=True)
    assert made.kernel.dtype == made.learnt_scale.dtype == "float32"
    assert ops.dtype(made(FEATURES)) == policy.removeprefix("mixed_")
    expected = formula(FEATURES, KERNEL, 1)
    np.testing.assert_allclose(logits(made), expected, atol=0.02)
    # Squares of these are 0 in float16.
    np.testing.assert_allclose(logits(made, 1e-4 * FEATURES), expected, atol=0.02)
    made.kernel.assign(1e-9 * KERNEL)
    np.testing.assert_allclose(logits(made), expected, atol=0.02)


def test_symbolic_outputs_have_shape_and_dtype():
    made = CosineDense(K, dtype="mixed_bfloat16")
    output = made(keras.Input((3, D)))
    assert output.shape == (None, 3, K)
    assert output.dtype == "bfloat16"
    assert made.compute_output_shape((None, 3, D)) == (None, 3, K)


def test_a_model_with_it_survives_saving(tmp_path):
    model = keras.Sequential([keras.Input((D,)), CosineDense(K, 5, learn_scale=True)])
    model.layers[0].learnt_scale.assign(11)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(FEATURES), model.predict(FEATURES))
    assert float(loaded.layers[0].learnt_scale) == 11


def spa_model(alignment, **kwargs):
    head = CosineDense(toys.CLASSES, scale=5, **kwargs)
    model = spa.SpAModel(toys.backbone(), head, alignment)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


@pytest.mark.parametrize("learn_scale", [False, True])
def test_it_is_aligned_as_a_classifier(learn_scale):
    model = spa_model(toys.all_alignments(), learn_scale=learn_scale)
    x, y = toys.data()
    history = model.fit(x, y, epochs=6, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["alignment"][-1] > history["alignment"][0] + 0.2
    if learn_scale:
        assert float(model.classifier.learnt_scale) != 5


def test_one_full_turn_aligns_its_kernel():
    model = spa_model(spa.SpASLERP.paper(1.0, threshold=1.0))
    x, y = toys.data()
    model.train_on_batch(x, y)
    directions = spa.geometry.mean_directions(
        model.class_means.means, model.class_means.seen, center=False
    )
    cosines = spa.geometry.cosine(ops.transpose(model.classifier.kernel), directions)
    np.testing.assert_allclose(ops.convert_to_numpy(cosines), 1, atol=1e-5)
