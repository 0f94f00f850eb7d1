"""Every loss with its formula in plain float64, and what they are compared on."""

import numpy as np
import pytest

from keras_spa.losses import (
    ARB,
    LDAM,
    BalancedSoftmax,
    ClassBalanced,
    DotRegression,
    LabelAwareSmoothing,
    LogitAdjusted,
)

COUNTS = [5000, 300, 20, 1]
K, B = len(COUNTS), 12
RNG = np.random.default_rng(0)
LOGITS = RNG.uniform(-50, 50, size=(B, K)).astype("float32")
LABELS = np.arange(B) % K
SOFT = RNG.dirichlet(np.ones(K), size=B).astype("float32")
UNEVEN = SOFT * RNG.uniform(0, 3, size=(B, 1)).astype("float32")
UNEVEN[3] = 0  # labels need not sum to one: here is a sample without any
ALL_LABELS = pytest.mark.parametrize(
    "labels",
    [LABELS, LABELS[:, None], LABELS.astype("float32"), SOFT, UNEVEN],
    ids=["(B,)", "(B, 1)", "float integers", "soft (B, K)", "soft, uneven"],
)


def cross_entropy(y, z):
    total = np.logaddexp.reduce(z)
    return -sum(y_c * (z_c - total) for y_c, z_c in zip(y, z, strict=True))


def balanced_softmax(y, z):
    return logit_adjusted(y, z, tau=1.0)


def logit_adjusted(y, z, tau=0.7):
    prior = [n / sum(COUNTS) for n in COUNTS]
    return cross_entropy(
        y, [z_c + tau * np.log(p) for z_c, p in zip(z, prior, strict=True)]
    )


def ldam(y, z):
    margins = [0.4 * (n / min(COUNTS)) ** -0.25 for n in COUNTS]
    parts = zip(y, z, margins, strict=True)
    return cross_entropy(y, [20.0 * (z_c - y_c * m_c) for y_c, z_c, m_c in parts])


def class_balanced(y, z):
    raw = [(1 - 0.99) / (1 - 0.99**n) for n in COUNTS]
    weights = [K * w / sum(raw) for w in raw]
    weight = sum(y_c * w_c for y_c, w_c in zip(y, weights, strict=True))
    return weight * logit_adjusted(y, z)


def dot_regression(y, z):
    return sum(y_c * (z_c - 3) ** 2 / 6 for y_c, z_c in zip(y, z, strict=True))


def label_aware_smoothing(y, z):
    smallest, largest, loss = min(COUNTS), max(COUNTS), 0.0
    for c, n in enumerate(COUNTS):
        angle = np.pi * (n - smallest) / (2 * (largest - smallest))
        smoothing = 0.1 + (0.4 - 0.1) * np.sin(angle)
        for j in range(K):
            q = smoothing / K + (1 - smoothing if j == c else 0)
            loss -= y[c] * q * (z[j] - np.logaddexp.reduce(z))
    return loss


def arb(y, z, labels):
    counts = labels.sum(axis=0)
    return cross_entropy(y, [z_c + np.log(n) for z_c, n in zip(z, counts, strict=True)])


OF_A_BATCH = (arb,)  # which depend on the labels of the others
LOSSES = {
    "ARB": (ARB, arb),
    "BalancedSoftmax": (lambda **kw: BalancedSoftmax(COUNTS, **kw), balanced_softmax),
    "LogitAdjusted": (lambda **kw: LogitAdjusted(COUNTS, 0.7, **kw), logit_adjusted),
    "LabelAwareSmoothing": (
        lambda **kw: LabelAwareSmoothing(COUNTS, 0.4, 0.1, **kw),
        label_aware_smoothing,
    ),
    "LDAM": (lambda **kw: LDAM(COUNTS, 0.4, 20.0, **kw), ldam),
    "ClassBalanced": (
        lambda **kw: ClassBalanced(LogitAdjusted(COUNTS, 0.7), COUNTS, 0.99, **kw),
        class_balanced,
    ),
    "DotRegression": (lambda **kw: DotRegression(3.0, **kw), dot_regression),
}
EVERY_LOSS = pytest.mark.parametrize(
    ("make", "formula"), LOSSES.values(), ids=LOSSES.keys()
)


def evaluate_formula(formula, labels, logits):
    """The formula, sample by sample, on shares of the classes."""
    if labels.ndim < 2 or labels.shape[1] == 1:
        labels = np.eye(K)[labels.reshape(-1).astype(int)]
    labels = np.float64(labels)
    batch = (labels,) if formula in OF_A_BATCH else ()
    pairs = zip(labels, np.float64(logits), strict=True)
    return np.array([formula(y, z, *batch) for y, z in pairs])
