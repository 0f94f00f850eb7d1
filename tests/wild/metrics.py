"""Wild inputs of `metrics`."""

import numpy as np

import keras_spa as spa
from wild import pools
from wild.judge import ANY, SAME, Fresh, Subject, Wild
from wild.losses import COUNTS, LOGITS, MEANS, K, Y


def shot_accuracy(y_true, y_pred, sample_weight, **arguments):
    metric = spa.metrics.ShotAccuracy(**arguments)
    metric.update_state(y_true, y_pred, sample_weight)
    return [*metric.result().values(), metric.per_class()]


def neural_collapse(features, labels, logits, weights, biases, **arguments):
    collapse = spa.metrics.NeuralCollapse(**arguments)
    collapse.update_state(features, labels, logits)
    return [*collapse.result(weights, biases).values()]


def alignment_cosine(weights, center, means=MEANS, statistics=None):
    metric = spa.metrics.AlignmentCosine(center)
    if statistics is None:
        statistics = spa.ClassStatistics(means, np.ones(len(means)))
    metric.update_state(weights, statistics)
    return metric.result()


def class_means(features, labels, num_classes, batches=None):
    if batches is None:
        batches = [(features, labels)]
    return spa.metrics.exact_class_means(batches, num_classes)


def covariance(features, labels, means, counts, observed=None):
    if observed is None:
        observed = [(features, labels)]
    return spa.metrics.within_class_covariance(observed, means, counts)


SIX = np.array([0, 0, 1, 1, 2, 2])
SIX_FEATURES = np.array(
    [[1, 2], [2, 2.5], [-0.5, 3], [0, 4], [3, -1], [2, -2]], "float32"
)
SIX_LOGITS = np.array(
    [[1, 0, 0], [3, 2, 0], [0, 1, 2], [0, 4, 1], [0, 0, 1], [1, 0, 2]], "float32"
)
SIX_MEANS = np.array([[1.5, 2.25], [-0.25, 3.5], [2.5, -1.5]], "float32")
SHOTS = {
    "class_counts": pools.counts(COUNTS),
    "many": pools.number(30, 0),
    "few": pools.number(10, 0, 30),
}
GIVEN = {"class_counts": COUNTS, "many": 30, "few": 10}
ACCURACIES = np.array([0.875, 0.5, 0.25], "float32")
PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]] * 2, "float32")
NO_PAIRS = [
    *pools.NOTHING,
    Wild("features alone", [SIX_FEATURES]),
    Wild("an array", SIX_FEATURES),
    Wild("numbers", [1, 2, 3]),
    Wild("a pair of texts", [("a", "b")]),
    Wild("no batches", []),
    Wild("a pair", (SIX_FEATURES, SIX)),
    Wild("a dict", {"x": SIX_FEATURES, "y": SIX}),
    Wild("a generator of pairs", Fresh(lambda: iter([(SIX_FEATURES, SIX)])), SAME),
]
TABLE = {
    "AlignmentCosine": Subject(
        alignment_cosine,
        {"weights": MEANS, "center": True},
        {
            "weights": pools.array(MEANS),
            "center": pools.FLAGS,
            "statistics": pools.without(pools.NOTHING, "None"),
        },
    ),
    "NeuralCollapse": Subject(
        neural_collapse,
        {
            "num_classes": K,
            "class_counts": COUNTS,
            "features": SIX_FEATURES,
            "labels": SIX,
            "logits": SIX_LOGITS,
            "weights": SIX_MEANS,
            "biases": np.array([0, 1, -1], "float32"),
        },
        {
            "num_classes": pools.integer(K, 2),
            "class_counts": pools.counts(COUNTS, none=ANY),
            "features": pools.without(
                pools.array(SIX_FEATURES), "one column less", "no columns"
            ),
            "labels": pools.labels(SIX, K, soft=False),
            "logits": pools.without(pools.array(SIX_LOGITS), "None", "bfloat16"),
            "weights": pools.without(pools.array(SIX_MEANS), "None"),
            "biases": pools.without(
                pools.array(np.array([0, 1, -1], "float32")),
                *("None", "one column less", "no columns", "one rank less"),
            ),
        },
    ),
    "ShotAccuracy": Subject(
        shot_accuracy,
        {**GIVEN, "y_true": Y, "y_pred": LOGITS, "sample_weight": np.ones(4)},
        {
            **SHOTS,
            "y_true": [*pools.labels(Y, K), Wild("too few", Y[:-1])],
            "y_pred": [
                *(w for w in pools.array(LOGITS) if w.means is not pools.UNDEFINED)
            ],
            "sample_weight": [
                *pools.containers(np.ones(4, "float32")),
                *pools.without(pools.no_arrays(np.ones(4)), "None"),
                Wild("too few", np.ones(3)),
                Wild("None", None, SAME),
            ],
        },
    ),
    "accuracy_per_class": Subject(
        spa.metrics.accuracy_per_class,
        {"predictions": SIX[::-1].copy(), "labels": SIX, "num_classes": K},
        {
            "predictions": pools.labels(SIX[::-1].copy(), K, soft=False),
            "labels": pools.labels(SIX, K, soft=False),
            "num_classes": pools.integer(K, 1),
        },
    ),
    "calibration_error": Subject(
        spa.metrics.calibration_error,
        {"logits": LOGITS, "labels": Y},
        {
            "logits": [
                *pools.without(pools.array(LOGITS), "one column less", "bfloat16"),
                Wild("probabilities", PROBABILITIES),
            ],
            "labels": pools.labels(Y, K, soft=False),
        },
    ),
    "confidence_bins": Subject(
        spa.metrics.confidence_bins,
        {"probabilities": PROBABILITIES, "labels": Y},
        {
            "probabilities": [
                *pools.without(pools.array(PROBABILITIES), "one column less"),
                Wild("logits", LOGITS),
                Wild("per cent", 100 * PROBABILITIES),
            ],
            "labels": pools.labels(Y, K, soft=False),
        },
    ),
    "exact_class_means": Subject(
        class_means,
        {"features": SIX_FEATURES, "labels": SIX, "num_classes": K},
        {
            "features": pools.array(SIX_FEATURES, ("one column less", "no columns")),
            "labels": pools.labels(SIX, K, soft=False),
            "num_classes": pools.integer(K, 1),
            "batches": pools.without(NO_PAIRS, "None"),
        },
    ),
    "shot_groups": Subject(
        lambda **given: [*spa.metrics.shot_groups(**given).values()], GIVEN, SHOTS
    ),
    "shot_means": Subject(
        lambda **given: [*spa.metrics.shot_means(**given).values()],
        {**GIVEN, "accuracy_per_class": ACCURACIES},
        {
            **SHOTS,
            # NaN stands for a class without images.
            "accuracy_per_class": [
                w._replace(means=ANY) if w.means is pools.UNDEFINED else w
                for w in pools.without(
                    pools.array(ACCURACIES), "one rank less", "bfloat16"
                )
            ],
        },
    ),
    "within_class_covariance": Subject(
        covariance,
        {
            "features": SIX_FEATURES,
            "labels": SIX,
            "means": SIX_MEANS,
            "counts": np.array([2.0, 2, 2]),
        },
        {
            "features": pools.array(SIX_FEATURES),
            "labels": pools.labels(SIX, K, soft=False),
            "means": pools.array(SIX_MEANS),
            "counts": [
                *pools.without(
                    pools.array(np.array([2.0, 2, 2], "float32")), "zeros", "bfloat16"
                ),
                Wild("negative", [2, -1, 2]),
            ],
            "observed": pools.without(NO_PAIRS, "None"),
        },
    ),
}
