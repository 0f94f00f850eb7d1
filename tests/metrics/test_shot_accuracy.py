import json

import hypothesis
import keras
import numpy as np
import pytest
import toys
from hypothesis import strategies as st

from keras_spa.metrics import ShotAccuracy

COUNTS = [500, 101, 100, 20, 19, 1]  # two classes a group
K = len(COUNTS)


def batch(samples=50, seed=0, classes=range(K)):
    """Labels of the given classes, and logits that are right about half the time."""
    random = np.random.default_rng(seed)
    labels = random.choice(list(classes), samples).astype("int32")
    logits = random.normal(size=(samples, K)).astype("float32")
    return labels, logits + 1.5 * np.eye(K, dtype="float32")[labels]


def loop_results(labels, logits, weights=None, counts=COUNTS, many=100, few=20):
    """`(result, per class)` one sample and one class at a time."""
    correct, samples = [0.0] * len(counts), [0.0] * len(counts)
    for i, label in enumerate(labels):
        weight = 1.0 if weights is None else float(weights[i])
        samples[label] += weight
        if max(range(len(counts)), key=lambda c: logits[i][c]) == label:
            correct[label] += weight
    per_class = [
        right / all_ if all_ else np.nan
        for right, all_ in zip(correct, samples, strict=True)
    ]
    result = {"overall": sum(correct) / sum(samples) if sum(samples) else np.nan}
    for name, belongs in (
        ("many", lambda n: n > many),
        ("medium", lambda n: few <= n <= many),
        ("few", lambda n: n < few),
    ):
        accuracies = [
            accuracy
            for accuracy, n in zip(per_class, counts, strict=True)
            if belongs(n) and not np.isnan(accuracy)
        ]
        result[name] = sum(accuracies) / len(accuracies) if accuracies else np.nan
    return {f"shot_accuracy_{name}": value for name, value in result.items()}, per_class


def assert_results(metric, expected):
    result, per_class = expected
    actual = {name: float(value) for name, value in metric.result().items()}
    assert list(actual) == list(result)
    assert actual == pytest.approx(result, abs=1e-6, nan_ok=True)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(metric.per_class()), per_class, atol=1e-6
    )


def test_streams_over_batches_like_one_pass_over_all():
    metric, labels, logits = ShotAccuracy(COUNTS), [], []
    for seed in range(3):
        one = batch(20 + seed, seed)
        metric.update_state(*one)
        labels.extend(one[0])
        logits.extend(one[1])
        assert_results(metric, loop_results(labels, logits))


@pytest.mark.parametrize("shape", ["column", "soft", "list", "int64"])
def test_forms_of_labels(shape):
    labels, logits = batch()
    given = {
        "column": labels[:, None],
        "soft": 0.6 * np.eye(K, dtype="float32")[labels] + 0.4 / K,
        "list": labels.tolist(),
        "int64": labels.astype("int64"),
    }[shape]
    metric = ShotAccuracy(COUNTS)
    metric.update_state(given, logits)
    assert_results(metric, loop_results(labels, logits))


@pytest.mark.parametrize("column", [False, True])
def test_sample_weights_count_samples_so_often(column):
    labels, logits = batch()
    weights = np.random.default_rng(1).uniform(0, 2, len(labels)).astype("float32")
    weights[labels == 0] = 0  # a class without samples
    metric = ShotAccuracy(COUNTS)
    metric.update_state(labels, logits, weights[:, None] if column else weights)
    assert_results(metric, loop_results(labels, logits, weights))


def test_groups_weigh_classes_alike_and_overall_weighs_samples_alike():
    labels = np.array([0] * 9 + [1])
    logits = np.eye(K)[[0] * 9 + [2]]  # all of class 0 right, class 1 wrong
    metric = ShotAccuracy(COUNTS)
    metric.update_state(labels, logits)
    result = metric.result()
    assert float(result["shot_accuracy_overall"]) == pytest.approx(0.9)
    assert float(result["shot_accuracy_many"]) == pytest.approx(0.5)


def test_what_has_no_samples_or_no_classes_is_nan():
    counts = [500, 400, 300, 50, 40, 30]  # no class with few images
    metric = ShotAccuracy(counts)
    assert_results(metric, loop_results([], [], counts=counts))
    assert all(np.isnan(float(value)) for value in metric.result().values())
    labels, logits = batch(classes=[0, 2])  # none with a medium number
    metric.update_state(labels, logits)
    assert_results(metric, loop_results(labels, logits, counts=counts))
    nans = [name for name, v in metric.result().items() if np.isnan(float(v))]
    assert nans == ["shot_accuracy_medium", "shot_accuracy_few"]


def test_all_wrong_is_zero_and_not_nan():
    metric = ShotAccuracy(COUNTS)
    labels = np.arange(K)
    metric.update_state(labels, np.eye(K)[(labels + 1) % K])
    assert [float(value) for value in metric.result().values()] == [0.0] * 4


def test_reset_forgets():
    metric = ShotAccuracy(COUNTS)
    metric.update_state(*batch(seed=1))
    metric.reset_state()
    metric.update_state(*batch(seed=2))
    assert_results(metric, loop_results(*batch(seed=2)))


@hypothesis.given(st.integers(0, 10**6), st.integers(1, 40))
@hypothesis.settings(max_examples=25, deadline=None)
def test_order_of_samples_does_not_matter(seed, samples):
    labels, logits = batch(samples, seed)
    order = np.random.default_rng(seed).permutation(samples)
    metric, shuffled = ShotAccuracy(COUNTS), ShotAccuracy(COUNTS)
    metric.update_state(labels, logits)
    shuffled.update_state(labels[order], logits[order])
    one, other = metric.result(), shuffled.result()
    for name in one:
        np.testing.assert_equal(float(one[name]), float(other[name]))


@pytest.mark.parametrize(
    ("mode", "weighted"),
    [
        ("eager", True),
        ("graph", False),
        pytest.param("jit", True, marks=pytest.mark.slow),
    ],
)
def test_in_compile_fit_and_evaluate(mode, weighted, capsys):
    if keras.backend.backend() != "tensorflow" and mode == "graph":
        pytest.skip("only TensorFlow has graphs that are not compiled")
    counts = [200, 150, 30, 40]
    x, y = toys.data(40)  # the last batch is smaller
    weights = np.linspace(0.5, 2, len(y)).astype("float32")
    how = {"run_eagerly": True} if mode == "eager" else {"jit_compile": mode == "jit"}
    metrics = "weighted_metrics" if weighted else "metrics"
    metric = ShotAccuracy(counts)
    model = toys.model(compiled={metrics: ["accuracy", metric], **how})
    history = model.fit(
        x, y, 16, 2, verbose=1, sample_weight=weights, validation_data=(x, y, weights)
    ).history
    names = [f"shot_accuracy_{n}" for n in ("overall", "many", "medium", "few")]
    assert {*names, *(f"val_{name}" for name in names)} <= history.keys()
    assert "shot_accuracy_few: nan" in capsys.readouterr().out
    assert all(np.isnan(history["shot_accuracy_few"]))
    expected = loop_results(
        y, model.predict(x, verbose=0), weights if weighted else None, counts
    )
    logs = model.evaluate(x, y, 16, 0, sample_weight=weights, return_dict=True)
    for name, value in expected[0].items():
        assert logs[name] == pytest.approx(value, abs=1e-6, nan_ok=True)
        assert history[f"val_{name}"][-1] == pytest.approx(value, abs=1e-6, nan_ok=True)
    assert_results(metric, expected)  # per class, too


def test_the_name_is_the_first_part_of_what_is_logged():
    metric = ShotAccuracy(COUNTS, name="teacher")
    assert next(iter(metric.result())) == "teacher_overall"


def test_a_config_restores_the_metric_from_json():
    metric = ShotAccuracy(np.array(COUNTS), many=300, few=50, name="mine")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(metric)))
    restored = keras.saving.deserialize_keras_object(config)
    assert restored.get_config() == metric.get_config()
    for one in (metric, restored):
        one.update_state(*batch())
    assert [float(v) for v in restored.result().values()] == pytest.approx(
        [float(v) for v in metric.result().values()]
    )


@pytest.mark.parametrize(
    ("labels", "logits", "message"),
    [
        (np.zeros(3, int), np.zeros((3, K + 1)), r"`y_pred`.*6 class.*\(3, 7\)"),
        (np.zeros((3, 2)), np.zeros((3, K)), r"`labels`.*\(3, 2\)"),
        (np.array([0, K]), np.zeros((2, K)), "`labels` must be integers in 0..5.*6"),
        (np.array([0, -1]), np.zeros((2, K)), "`labels` must be integers in 0..5.*-1"),
    ],
)
def test_bad_batches_are_named(labels, logits, message):
    with pytest.raises(ValueError, match=message):
        ShotAccuracy(COUNTS).update_state(labels, logits)
