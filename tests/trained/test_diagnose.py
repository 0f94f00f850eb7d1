"""`diagnose` on models and data of all kinds."""

import json

import keras
import numpy as np
import pytest

import keras_spa as spa

K, D = 4, 6


def expected(model, images, labels):
    """The same from all features at once."""
    hidden, last = model.layers
    features = keras.ops.convert_to_numpy(hidden(images))
    weights = keras.ops.convert_to_numpy(last.kernel).T
    biases = keras.ops.convert_to_numpy(last.bias)
    collapse = spa.metrics.NeuralCollapse(K)
    logits = features @ weights.T + biases
    collapse.update_state(features, labels, logits)
    return collapse.result(weights, biases), np.mean(logits.argmax(axis=1) == labels)


def close(report, metrics, accuracy):
    assert report.accuracy == pytest.approx(accuracy)
    for name, value in metrics.items():
        assert report.metrics[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_a_plain_model_on_arrays(model, data):
    images, labels = data
    metrics, accuracy = expected(model, images, labels)
    before = [weight.copy() for weight in model.get_weights()]
    report = spa.diagnose(model, data, batch_size=7, verbose=0)
    close(report, metrics, accuracy)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    decisions = model.predict(images, verbose=0).argmax(axis=1)
    for c in range(K):
        right = np.mean(decisions[labels == c] == c)
        assert report.accuracy_per_class[c] == pytest.approx(right)
    assert report.images == report.class_counts == [20, 12, 6, 3]
    assert report.dimension == D


@pytest.mark.parametrize("kind", ["list", "py_dataset", "tf", "torch", "one_hot"])
def test_data_of_every_kind(model, data, kind):
    images, labels = data
    if kind == "list":
        dataset = [(images[:7], labels[:7], None), (images[7:], labels[7:, None])]
    elif kind == "py_dataset":
        dataset = spa.data.Batches(data, 8)
    elif kind == "tf":
        tf = pytest.importorskip("tensorflow")
        dataset = tf.data.Dataset.from_tensor_slices(data).batch(8)
    elif kind == "torch":
        torch = pytest.importorskip("torch")
        tensors = torch.utils.data.TensorDataset(*map(torch.from_numpy, data))
        dataset = torch.utils.data.DataLoader(tensors, 8)
    else:
        dataset = images, np.eye(K)[labels]
    report = spa.diagnose(model, dataset, verbose=0)
    close(report, *expected(model, images, labels))


def test_padding_of_weight_0_is_no_image(model, data):
    images, labels = data
    images, labels = images[:40], labels[:40]
    plain = spa.diagnose(model, (images, labels), verbose=0)
    extra = np.concatenate([images, images[:8]]), np.concatenate([labels, labels[:8]])
    weights = np.repeat([1.0, 0.0], [40, 8])
    batches = [
        (extra[0][i : i + 8], extra[1][i : i + 8], weights[i : i + 8])
        for i in range(0, 48, 8)
    ]
    padded = spa.diagnose(model, batches, verbose=0)
    assert padded.images == plain.images
    assert padded.accuracy == plain.accuracy
    numbered = [(x, y, np.arange(8)) for x, y, _ in batches[:5]]  # no weights
    assert spa.diagnose(model, numbered, verbose=0).images == plain.images
    with pytest.raises(ValueError, match=r"sample weights as labels.*\(3,\)"):
        spa.diagnose(model, [(images, labels, np.ones(3))], verbose=0)


def test_shares_in_place_of_counts_stay_shares(model, data):
    shares = [0.6, 0.3, 0.09, 0.01]
    report = spa.diagnose(model, data, class_counts=shares, verbose=0)
    assert report.class_counts == shares


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_spa_model_is_the_same(data, policy):
    images, labels = data
    keras.config.set_dtype_policy(policy)
    backbone = keras.Sequential([keras.Input((5,)), keras.layers.Dense(D, "relu")])
    model = spa.SpAModel(backbone, keras.layers.Dense(K))
    report = spa.diagnose(model, data, verbose=0)
    stack = keras.Sequential([backbone, model.classifier])
    tolerance = 1e-6 if policy == "float32" else 0.03
    metrics, _ = expected(stack, images, labels)
    assert report.metrics["nc3_cosine"] == pytest.approx(
        metrics["nc3_cosine"], abs=tolerance
    )


def test_looks_in_inference_mode(data):
    images, labels = data
    layers = [keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    model = keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(K)])
    report = spa.diagnose(model, data, batch_size=9, verbose=0)
    hits = model.predict(images, verbose=0).argmax(axis=1) == labels
    assert report.accuracy == pytest.approx(hits.mean())
    again = spa.diagnose(model, data, verbose=0)
    assert again.metrics == pytest.approx(report.metrics, rel=1e-4)


def test_a_cosine_classifier_decides_by_its_weights_directions(data):
    backbone = keras.Sequential([keras.Input((5,)), keras.layers.Dense(D)])
    model = spa.SpAModel(backbone, spa.layers.CosineDense(K))
    kernel = keras.ops.convert_to_numpy(model.classifier.kernel)
    report = spa.diagnose(model, data, verbose=0)
    model.classifier.kernel.assign(kernel * [1, 2, 3, 4])
    longer = spa.diagnose(model, data, verbose=0)
    assert longer.metrics == pytest.approx(report.metrics, rel=1e-5)
    assert longer.exponent_per_class == pytest.approx(
        report.exponent_per_class, rel=1e-4
    )


def test_exponents_by_class_are_shares_of_the_optimum(data):
    images, labels = data
    etf = spa.theory.simplex_etf(K, 5)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(K)])
    model.layers[0].set_weights([etf.T, np.array([0.3, 0, 0, 0])])
    report = spa.diagnose(model, (etf[labels], labels), verbose=0)
    shares = report.exponent_per_class
    assert min(shares) == pytest.approx(report.metrics["exponent_efficiency"])
    assert shares[0] > 1 > shares[1]  # the bias favours class 0
    exponents = spa.theory.error_exponent(etf, etf, [0.3, 0, 0, 0], per_class=True)
    optimum = spa.theory.optimal_error_exponent(etf)
    np.testing.assert_allclose(shares, exponents / optimum, rtol=1e-5)


def test_a_missing_class_is_no_silent_nan(model, data):
    images, labels = data
    report = spa.diagnose(model, (images[:32], labels[:32]), verbose=0)
    assert report.notes == ["Classes without images, left out: 2, 3."]
    values = json.loads(report.to_json())
    assert (
        values["cosine_per_class"][2:] == values["accuracy_per_class"][2:] == [None] * 2
    )
    assert "left out: 2, 3" in report.to_markdown()
    assert "nan" not in report.verdict
    names = ["cat", "dog", "emu", "fox"]
    report = spa.diagnose(
        model, (images[:32], labels[:32]), class_names=names, verbose=0
    )
    assert report.notes == ["Classes without images, left out: emu, fox."]
    names = ["cat", "crane", "emu", "crane"]
    report = spa.diagnose(
        model, (images[:32], labels[:32]), class_names=names, verbose=0
    )
    assert report.notes == ["Classes without images, left out: emu, crane (3)."]


def test_the_bar_and_its_silence(model, data, capsys):
    spa.diagnose(model, data, batch_size=10, verbose=0)
    assert capsys.readouterr().out == ""
    spa.diagnose(model, data, batch_size=10)
    assert "5/5" in capsys.readouterr().out
    spa.diagnose(model, iter([data]))  # of unknown length
    assert "1/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y + 1), "integers in 0..3"),
        (lambda x, y: (x[:20], y[:20]), "images of 1"),
        (lambda x, y: (x, y, y), "arrays"),
        (lambda x, y: (x, np.eye(4)[y] * (y > 0)[:, None]), "name one class each"),
        (
            lambda x, y: (x, np.eye(4)[y] + np.eye(4)[0] * (y == 1)[:, None]),
            "one class",
        ),
        (lambda x, y: [], "no batch"),
    ],
)
def test_bad_data(model, data, change, message):
    with pytest.raises(ValueError, match=message):
        spa.diagnose(model, change(*data), batch_size=16, verbose=0)


def test_features_that_are_not_finite(data):
    images, labels = data[0].copy(), data[1]
    images[20] = np.nan
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(K)])
    with pytest.raises(ValueError, match=r"finite.*batch 1 .*image 4"):
        spa.diagnose(model, (images, labels), batch_size=16, verbose=0)


def test_endless_data(model, data):
    tf = pytest.importorskip("tensorflow")
    endless = tf.data.Dataset.from_tensor_slices(data).batch(8).repeat()
    with pytest.raises(ValueError, match="must end"):
        spa.diagnose(model, endless, verbose=0)


def test_other_bad_input(model, data):
    with pytest.raises(ValueError, match="one count for each of 4"):
        spa.diagnose(model, data, class_counts=[1, 2], verbose=0)
    with pytest.raises(ValueError, match="`class_names` must hold 4 names"):
        spa.diagnose(model, data, class_names=["a"], verbose=0)
    with pytest.raises(ValueError, match="batch_size"):
        spa.diagnose(model, data, batch_size=0)
    with pytest.raises(ValueError, match="subclassed"):
        spa.diagnose(keras.Model(), data)
