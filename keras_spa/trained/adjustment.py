"""How a trained classifier's logits are put right: pure NumPy, no models.

The logits z become `(a·z + β·z* − τ·log π)/T`, with z* those of the optimal classifier
and π the training frequencies.
"""

import numpy as np
import scipy

from keras_spa._types import Array
from keras_spa.losses import log_prior

SNAP = 0.25
SHARES = (-1.0, 2.0)  # between which the prior's share is looked for
NO_RANGE = 1e-6  # of log π: all classes are equally frequent
BETA = 0.2
RIDGE = 1e-3  # pulls a fit towards the rule
RIDGE_OF_IMAGE = 0.3  # and so does this, over the number of images
LARGEST_UNIT = 100.0


def prior_share(
    logits: Array, labels: Array, prior: Array, counts: Array | None = None
) -> float:
    """t, at which `softmax(z + t·log π)` makes the labels most likely, in [−1, 2].

    The log-likelihood is concave in t; t is where its slope, the sum over the images
    of `log π_y − E_p[log π]`, crosses 0. It is 0 if all classes are equally frequent,
    and 1, which asks for no adjustment, if all labels are certain at any t, or if the
    classes that have images are equally frequent and the others are not.

    Images of other frequencies q than π, say of a part of the training images, are as
    likely as `softmax(z + t·log π + log q − log π)` says, among the classes that q has.

    Args:
        logits: z (N, K), of training images.
        labels: integers (N,).
        prior: log π (K,), finite.
        counts: q but for a factor, (K,). Defaults to None, π.
    """
    logits, prior = (np.asarray(array, "float64") for array in (logits, prior))
    if np.ptp(prior) < NO_RANGE:
        return 0.0
    if counts is not None:
        met = np.flatnonzero(counts)
        shift = log_prior(counts[met]) - prior[met]
        logits, prior = logits[:, met] + shift, prior[met]
        labels = np.searchsorted(met, labels)
        if np.ptp(prior) < NO_RANGE:
            return 1.0

    rows = np.arange(len(labels))

    def slope(t: float) -> float:
        # Of the other classes alone: where labels are nearly certain, what is common
        # to both terms would leave nothing but rounding.
        others = scipy.special.softmax(logits + t * prior, axis=1)
        others[rows, labels] = 0
        return float(others.sum(axis=1) @ prior[labels] - (others @ prior).sum())

    low, high = SHARES
    if slope(low) == slope(high) == 0:
        return 1.0
    if slope(low) <= 0:
        return low
    return (
        high
        if slope(high) >= 0
        else float(scipy.optimize.brentq(slope, low, high, xtol=1e-4))
    )


def snapped(share: float) -> float:
    """0 or 1 if the share is near it or beyond.

    Long training drives it away from both, and so does a loss with margins or another
    scale. No model is given back more of its prior than it lost, or freed of it twice.
    """
    if share <= SNAP:
        return 0.0
    return 1.0 if share >= 1 - SNAP else share


def temperature(
    before: tuple[Array, Array],
    after: tuple[Array, Array],
    means: Array,
    covariance: Array,
) -> float:
    """T, at which the logits after an alignment are as confident as those before.

    `z_after/T` is the multiple of z_after that is nearest to z_before in least squares,
    over features of all classes alike and logits without their mean over the classes:
    `T = ⟨z_after, z_after⟩/⟨z_after, z_before⟩`. Logits are linear in the features, so
    these means need only the features' second moments. 1 where no multiple is near.

    Args:
        before, after: weights (K, d) and biases (K,).
        means: μ (C, d), of the classes with images.
        covariance: Σ (d, d), within the classes.
    """
    moments = np.pad(np.asarray(covariance, "float64"), (0, 1))
    rows = np.column_stack([means, np.ones(len(means))]).astype("float64")
    moments += rows.T @ rows / len(rows)
    old, new = (np.column_stack(pair).astype("float64") for pair in (before, after))
    old, new = old - old.mean(axis=0), new - new.mean(axis=0)
    weighted = new @ moments
    own, common = np.sum(weighted * new), np.sum(weighted * old)
    return float(own / common) if common > 1e-6 * own > 0 else 1.0


def log_loss(logits: Array, labels: Array) -> float:
    """Mean over the classes of the mean of `−log p_y` of their images."""
    losses = -scipy.special.log_softmax(np.asarray(logits, "float64"), axis=1)
    losses = losses[np.arange(len(labels)), labels]
    counts = np.bincount(labels)
    return float(np.mean(np.bincount(labels, losses)[counts > 0] / counts[counts > 0]))


def fitted(
    logits: Array, optimal: Array, prior: Array, labels: Array, start: tuple[float, ...]
) -> tuple[float, float, float]:
    """`(a, β, τ)` of the least log loss on held-out images, each class counting alike.

    A convex problem of three unknowns. A ridge of 0.001 + 0.3/N about `start`, in units
    of the standard deviation of what each multiplies, settles what few images leave
    open; no deviation counts more than 100, so that logits of any size can be scaled
    down.

    Only classes with held-out images compete: that none of their images is of another
    class says nothing about it.
    """
    met, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    parts = np.stack([logits, optimal, np.broadcast_to(-prior, np.shape(logits))])
    parts = parts[:, :, met].astype("float64")
    parts -= parts.mean(axis=2, keepdims=True)
    weights = 1 / (len(met) * counts[labels])
    rows = np.arange(len(labels))
    units = np.maximum(parts.std(axis=(1, 2)), 1e-6)
    parts /= units[:, None, None]
    about = np.asarray(start, "float64") * units
    ridge = RIDGE + RIDGE_OF_IMAGE / len(labels)
    ridge = ridge * np.minimum(1, LARGEST_UNIT / units) ** 2

    def loss_and_slope(values: Array) -> tuple[float, Array]:
        log_probabilities = scipy.special.log_softmax(
            np.tensordot(values, parts, 1), axis=1
        )
        apart = values - about
        loss = -weights @ log_probabilities[rows, labels] + ridge @ apart**2
        wrong = np.exp(log_probabilities)
        wrong[rows, labels] -= 1
        slope = np.einsum("pnk,nk,n->p", parts, wrong, weights)
        return loss, slope + 2 * ridge * apart

    first = min(about, np.zeros(3), key=lambda values: loss_and_slope(values)[0])
    found = scipy.optimize.minimize(loss_and_slope, first, jac=True, method="BFGS")
    scale, beta, tau = map(float, found.x / units)
    return scale, beta, tau
