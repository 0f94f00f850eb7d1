"""Wild inputs of `theory`, `alignment` and the statistics that they take."""

import numpy as np

import keras_spa as spa
from wild import pools
from wild.judge import ANY, PYTHON, Subject, Wild

K = 3
MEANS = np.array([[1, 2], [1, 0], [-0.5, 3]], "float32")
WEIGHTS = np.array([[1, 1], [0.5, -1], [-1, 3]], "float32")
BIASES = np.array([0, 0.5, -1], "float32")
COVARIANCE = np.array([[2, 0.5], [0.5, 1]], "float32")
SEEN = np.array([1, 1, 1], "float32")
ANY_D = ("one row less",)
# Magnitudes of 1e300, and NaN, are refused, not taken.
NUMBERS = {
    "weights": pools.array(WEIGHTS),
    "means": pools.array(MEANS),
    "biases": pools.array(BIASES),
    "covariance": pools.without(pools.array(COVARIANCE), "zeros"),
}
NUMBERS["biases"] = pools.without(NUMBERS["biases"], "None")
NUMBERS["covariance"] = pools.without(NUMBERS["covariance"], "None")
GIVEN = {
    "weights": WEIGHTS,
    "means": MEANS,
    "biases": BIASES,
    "covariance": COVARIANCE,
}
MEANS_ALONE = {
    "means": pools.array(MEANS, ANY_D),
    "covariance": NUMBERS["covariance"],
}
THEORY = {
    name: Subject(getattr(spa.theory, name), GIVEN, NUMBERS)
    for name in ("boundary_distances", "error_exponent", "exponent_efficiency")
}
THEORY["error_probability"] = Subject(
    spa.theory.error_probability,
    {**GIVEN, "sigma": 0.5, "samples": 20, "seed": 0},
    {
        **NUMBERS,
        "sigma": [*pools.number(0.5, 0), Wild("0", 0)],
        "samples": pools.integer(20, 2, huge=None),
        "seed": pools.SEEDS,
    },
)
THEORY |= {
    name: Subject(
        getattr(spa.theory, name),
        {"means": MEANS, "covariance": COVARIANCE},
        MEANS_ALONE,
    )
    for name in (
        *("optimal_classifier", "optimal_error_exponent"),
        "plain_alignment_efficiency",
    )
}
ANY_SHAPE = [w.label for w in pools.shapes(BIASES)]
THEORY["rotated_etf_exponent"] = Subject(
    spa.theory.rotated_etf_exponent,
    {"num_classes": K, "angle": BIASES, "plane": True},
    {
        "num_classes": pools.integer(K, 2),
        "plane": pools.FLAGS,
        "angle": pools.array(BIASES, fits=ANY_SHAPE),
    },
)
THEORY["simplex_etf"] = Subject(
    spa.theory.simplex_etf,
    {"num_classes": K, "dimension": 5, "seed": 0},
    {
        "num_classes": pools.integer(K, 2),
        "dimension": pools.integer(5, 1),
        "seed": pools.SEEDS,
    },
)
PROBABILITIES = np.array([0.25, 0.5, 0.125])
THEORY["ErrorProbability"] = Subject(
    lambda **given: (lambda e: [e.mean, e.mean_standard_error])(
        spa.theory.ErrorProbability(**given)
    ),
    {"probability": PROBABILITIES, "standard_error": PROBABILITIES / 8},
    {"probability": pools.containers(PROBABILITIES)[:12]},
)


def statistics(means=MEANS, seen=SEEN, scatter=COVARIANCE, weight=1.0):
    return spa.ClassStatistics(means, seen, scatter, weight)


def aligned(make):
    """What an alignment makes of weights, of gradients and of statistics."""

    def call(weights, gradient, means, seen, scatter, **arguments):
        one, known = make(**arguments), statistics(means, seen, scatter)
        return [
            one.penalty(weights, known),
            one.project_gradient(gradient, weights, known),
            one.update_weights(weights, known, 0),
        ]

    return call


ARRAYS = {
    "weights": WEIGHTS,
    "gradient": -WEIGHTS,
    "means": MEANS,
    "seen": SEEN,
    "scatter": COVARIANCE,
}
NOISE = {
    "noise": pools.choice("within_class"),
    "shrinkage": [*pools.number(0.25, 0, 1), Wild("0", 0)],
    "center": pools.FLAGS,
}
NOISY = {"noise": "within_class", "shrinkage": 0.25, "center": True}
STATISTICS = {
    "means": pools.array(MEANS),
    "seen": pools.without(pools.array(SEEN), "one row less", "one column less"),
    "scatter": pools.without(pools.array(COVARIANCE), "None"),
}
for one in STATISTICS:  # NaN in what is known so far is not read off every result
    STATISTICS[one] = [
        w._replace(means=ANY) if w.means is pools.UNDEFINED else w
        for w in STATISTICS[one]
    ]


def known(means, seen, scatter):
    stored = statistics(means, seen, scatter)
    return [
        stored.directions(),
        stored.covariance,
        stored.cosines(WEIGHTS),
        stored.aims(True, "within_class", 0.25),
        stored.centre(),
    ]


def penalty(weights, means, seen, scatter, **arguments):
    known = statistics(means, seen, scatter)
    return spa.SpAReg(**arguments).penalty(weights, known)


def ramp(rate, steps, step=3):
    return spa.CosineRamp(rate, steps)(step)


ALIGNMENT = {
    "Alignment": Subject(
        lambda **given: spa.Alignment(**given),
        {},
        {
            name: pools.meaning(pools.NOTHING[:2], PYTHON)
            for name in ("strength", "rate", "gamma", "center", "noise")
        },
    ),
    "ClassStatistics": Subject(
        known, {k: ARRAYS[k] for k in ("means", "seen", "scatter")}, STATISTICS
    ),
    "CosineRamp": Subject(
        ramp,
        {"rate": 0.25, "steps": 10},
        {
            "rate": pools.number(0.25, 0, 1),
            "steps": pools.integer(10, 1, huge=ANY),
        },
    ),
    "SpAProj": Subject(
        aligned(spa.SpAProj),
        {**ARRAYS, **NOISY, "gamma": 0.5},
        {**NOISE, "gamma": pools.number(0.5, 0, 1), "gradient": pools.array(-WEIGHTS)},
    ),
    "SpAReg": Subject(
        penalty,
        {**ARRAYS, **NOISY, "strength": 0.5},
        {
            **NOISE,
            "strength": [w for w in pools.number(0.5) if w.label != "float16"],
            "class_means": pools.without(pools.NOTHING, "None"),
            "weights": pools.array(WEIGHTS),
        },
    ),
    "SpASLERP": Subject(
        aligned(spa.SpASLERP),
        {
            **ARRAYS,
            **NOISY,
            "rate": 0.5,
            "threshold": 0.875,
            "norm": "keep",
            "biases": "follow",
        },
        {
            **NOISE,
            "center": pools.without(pools.FLAGS, "None"),
            "rate": pools.number(0.5, 0, 1),
            "threshold": pools.number(0.875, -1, 1),
            "norm": pools.choice("keep"),
            "biases": pools.choice("follow"),
            "every": pools.integer(1, 1, huge=ANY),
            "weights": pools.array(WEIGHTS),
        },
    ),
}
del ALIGNMENT["SpAReg"].good["gradient"]
TABLE = {**THEORY, **ALIGNMENT}
