import keras
import numpy as np
import pytest
from keras import ops
from small_glmc import COUNTS, DATA, EPOCHS, IMAGES, LABELS, MOMENTUM, glmc, plain_views

import keras_spa as spa


def batches(size=16, **kwargs):
    return spa.data.Batches(DATA, size, partner="class_balanced", **kwargs)


def fit(model, first=0, until=EPOCHS, data=None, **kwargs):
    data = data or batches()
    data.start(first)
    follow = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, _: data.start(e))
    fed = {"initial_epoch": first, "epochs": until, "shuffle": False, "verbose": 0}
    return model.fit(data, callbacks=[follow], **fed, **kwargs).history


def arrays(model):
    kept = (v for v in model.variables if "seed" not in v.path)
    return {v.path: ops.convert_to_numpy(v) for v in kept}


@pytest.mark.slow
def test_training_lowers_the_loss_and_learns_the_classes():
    model = glmc(spa.SpAProj.paper(), eager=False, epochs=30)
    history = fit(model, until=30)
    assert history["loss"][-1] < history["loss"][0] - 1
    loss, *_ = model.evaluate(*DATA, verbose=0)
    assert history["accuracy"][-1] > 0.7
    assert np.isfinite(loss)


def test_a_step_trains_on_the_loss_of_its_mixes():
    x, y = plain_views()
    weight = np.linspace(0, 2, len(y)).astype("float32")
    one, other = (glmc(views=False) for _ in range(2))
    for model in (one, other):
        model.epoch.assign(2)
    _, outputs = other(x, training=True, return_features=True)
    expected = float(other.method_loss(x, y, outputs, weight, True))
    got = one.train_on_batch(x, y, sample_weight=weight)[0]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize(("means", "updates"), [("inference", 2), ("training", 3)])
def test_clean_features_leave_the_batch_statistics_alone_unless_asked(means, updates):
    same = np.full((16, 8, 8, 3), 100, "uint8"), np.arange(16) % 3
    model = glmc(views=False, means=means, rate=0.0)
    _, conv, norm, *_ = model.backbone.layers
    value = ops.convert_to_numpy(conv(np.full((1, 8, 8, 3), 100 / 255)))[0, 0, 0]
    model.train_on_batch(*plain_views(*same))
    moved = ops.convert_to_numpy(norm.moving_mean)
    np.testing.assert_allclose(moved, value * (1 - MOMENTUM**updates), atol=1e-4)


def test_class_means_are_those_of_the_clean_first_view():
    x, y = plain_views()
    x["images"] = (IMAGES, 255 - IMAGES)
    model = glmc(views=False, rate=0.0)
    keep = arrays(model.backbone)
    _, _, norm, *_ = model.backbone.layers
    norm.momentum = 1.0  # its statistics stay
    model.train_on_batch(x, y)
    features = model.backbone.predict(IMAGES, verbose=0)
    expected = [features[y == c].mean(axis=0) for c in range(3)]
    got = ops.convert_to_numpy(model.class_means.means)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert arrays(model.backbone).keys() == keep.keys()


@pytest.mark.parametrize(
    ("aligned", "moving"),
    [("fc", {"fc"}), ("fc_cb", {"dense"}), ("both", {"fc", "dense"})],
)
def test_what_is_aligned_is_an_argument(aligned, moving):
    alignment = spa.SpASLERP.paper(0.5, threshold=1.0)
    model = glmc(alignment, aligned=aligned, rate=0.0)
    heads = {"fc": model.fc, "dense": model.classifier}
    before = {n: ops.convert_to_numpy(h.kernel) for n, h in heads.items()}
    fit(model, until=1)
    after = {n: ops.convert_to_numpy(h.kernel) for n, h in heads.items()}
    assert {n for n in heads if np.any(after[n] != before[n])} == moving


@pytest.mark.parametrize("aligned", ["fc", "fc_cb", "both"])
def test_gradient_of_what_is_aligned_is_projected(aligned):
    """With one step of SGD the change is the projected gradient."""
    x, y = plain_views()
    plain = glmc(None, views=False, aligned=aligned)
    model = glmc(spa.SpAProj.paper(0.2), views=False, aligned=aligned)
    kernels = {"fc": lambda m: m.fc.kernel, "fc_cb": lambda m: m.classifier.kernel}
    start = {n: ops.convert_to_numpy(k(model)) for n, k in kernels.items()}
    for one in (plain, model):
        one.epoch.assign(2)
        one.train_on_batch(x, y)
    for name, kernel in kernels.items():
        gradient, got = (
            (start[name] - ops.convert_to_numpy(kernel(m))) / 0.05
            for m in (plain, model)
        )
        if aligned in (name, "both"):
            statistics = model.class_means.statistics
            parts = gradient.T, start[name].T, statistics
            projected = spa.SpAProj.paper(0.2).project_gradient(*parts)
            expected = ops.convert_to_numpy(projected).T
            assert np.abs(expected - gradient).max() > 1e-3
        else:
            expected = gradient
        np.testing.assert_allclose(got, expected, atol=1e-4)


def test_penalties_of_both_heads_count_and_stay_with_the_weights():
    x, y = plain_views()
    losses = {
        aligned: glmc(
            spa.SpAReg.paper(0.5), views=False, aligned=aligned
        ).train_on_batch(x, y)[0]
        for aligned in ("fc", "fc_cb", "both")
    }
    plain = glmc(None, views=False).train_on_batch(x, y)[0]
    one, other, both = (losses[a] - plain for a in ("fc", "fc_cb", "both"))
    assert min(one, other) > 0.1
    np.testing.assert_allclose(both, one + other, atol=1e-5)


def test_the_share_of_fc_falls_with_the_epochs_as_fit_counts_them():
    model, shares = glmc(), []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            shares.append(float(self.model.balance))

    look = Look()
    model.fit(batches(48), epochs=3, callbacks=look, verbose=0, shuffle=False)
    np.testing.assert_allclose(shares, [1, 1 - 1 / 16, 1 - 4 / 16])
    model.fit(batches(48), None, 48, 4, 0, [look], initial_epoch=3)
    np.testing.assert_allclose(shares[3], 1 - 9 / 16)
    model.epoch.assign(9)
    assert float(model.balance) == 0


def test_a_loaded_model_goes_on_as_if_nothing_had_happened(tmp_path):
    alignment = [spa.SpAProj.paper(), spa.SpASLERP.paper(0.01)]
    through, stopped = glmc(alignment), glmc(alignment)
    history = fit(through)
    fit(stopped, until=2)
    stopped.save(tmp_path / "glmc.keras")
    loaded = keras.saving.load_model(tmp_path / "glmc.keras")
    loaded.run_eagerly = True
    assert float(loaded.epoch) == 1
    later = fit(loaded, first=2)
    for name in later:
        np.testing.assert_allclose(later[name], history[name][2:], rtol=1e-5)
    expected, got = (list(arrays(m).values()) for m in (through, loaded))
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_inference_is_fc_cb_of_the_backbone_and_needs_no_partners():
    model = glmc()
    expected = ops.convert_to_numpy(model.classifier(model.backbone(IMAGES)))
    for x in (IMAGES, {"images": IMAGES}, {"images": (IMAGES, IMAGES[::-1])}):
        got = ops.convert_to_numpy(model(x, training=False))
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), expected, atol=1e-5)
    logs = model.evaluate(*DATA, verbose=0, return_dict=True)
    right = np.argmax(expected, axis=1) == LABELS
    np.testing.assert_allclose(logs["accuracy"], right.mean(), atol=1e-6)
    log_sum = np.log(np.exp(expected).sum(axis=1))
    entropy = np.mean(log_sum - expected[np.arange(48), LABELS])
    np.testing.assert_allclose(logs["loss"], entropy, rtol=1e-4)


def test_views_and_partners_of_the_pipeline_train_it():
    augment = spa.data.Views([spa.data.RandomCropFlip(1)] * 2)
    data = spa.data.pipeline(DATA, 16, augment=augment, partner="reverse")
    model = glmc(spa.SpASLERP(0.01), views=False, eager=False)
    history = model.fit(data, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_a_backbone_that_is_built_late():
    layers = keras.layers
    backbone = keras.Sequential([layers.Flatten(), layers.Dense(5)])
    options = {"class_counts": COUNTS, "epochs": 2, "units": 7, "seed": 0}
    model = spa.models.GLMC(backbone, layers.Dense(3), "spa_proj", **options)
    model.compile("sgd", run_eagerly=True)
    x, y = plain_views(IMAGES.astype("float32") / 255)
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)
    assert model.projector.kernel.shape == (5, 7)


def test_diagnosis_and_alignment_after_training_see_fc_cb():
    model = glmc(spa.SpAProj.paper())
    fit(model, until=1)
    report = spa.diagnose(model, DATA, COUNTS, verbose=0)
    assert report.metrics["nc3_cosine"] is not None
    aligned = spa.align(model, DATA, verbose=0)
    assert np.any(aligned.predict(IMAGES, verbose=0) != model.predict(IMAGES))


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="Keras writes no SavedModel there"
)
def test_an_export_holds_the_inference_path_only(tmp_path):
    import tensorflow as tf

    model = glmc(spa.SpAProj.paper())
    model.export(tmp_path / "glmc", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "glmc")
    got = loaded.serve(tf.constant(IMAGES))["logits"]
    np.testing.assert_allclose(got, model.predict(IMAGES, verbose=0), atol=1e-5)
    stored = tf.train.list_variables(str(tmp_path / "glmc/variables/variables"))
    sizes = [tuple(shape) for name, shape in stored if "CHECKPOINTABLE" not in name]
    assert (6, 3) in sizes
    assert (6, 128) not in sizes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"class_counts": [3, 2]}, "`class_counts`.*each of 3 classes.*2 counts"),
        ({"epochs": 0}, "`epochs`.*0"),
        ({"label_weighting": -1}, "`label_weighting`.*-1"),
        ({"contrast_weight": -1}, "`contrast_weight`.*-1"),
        ({"aligned": "all"}, "`aligned`.*'fc', 'fc_cb', 'both'.*'all'"),
        ({"means": "clean"}, "`means`.*'inference', 'training'.*'clean'"),
        ({"units": 0}, "`units`.*0"),
        ({"seed": -1}, "`seed`.*-1"),
        ({"fc": 3}, "`fc` must be a keras.Layer.*3"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        glmc(**arguments)


def test_bad_batches():
    with pytest.raises(ValueError, match="must hold partners in training"):
        glmc()(IMAGES, training=True, return_features=True)
    x, _ = batches(48)[0]
    with pytest.raises(ValueError, match="2 views of the images.*one batch"):
        glmc(views=False)(x, training=True, return_features=True)
    x = {**x, "images": (IMAGES,) * 3}
    with pytest.raises(ValueError, match="2 views of the images.*3"):
        glmc(views=False)(x, training=True, return_features=True)
