import numpy as np
import scipy

from keras_spa._types import Array
from keras_spa.theory import _inputs
from keras_spa.theory.exponent import exponent_efficiency


def optimal_classifier(
    means: Array, covariance: Array | None = None
) -> tuple[Array, Array]:
    """The linear classifier of the largest exponent, for features in noise Σ.

    `w_c = Σ⁻¹(μ_c − μ_G)` and
    `b_c = −½(μ_c − μ_G)ᵀΣ⁻¹(μ_c − μ_G) − w_c·μ_G`, with μ_G the unweighted mean of the
    class means: linear discriminant analysis with equal priors. It decides for the
    nearest mean by Mahalanobis distance. Of all vectors μ_G may be (the decisions do
    not depend on it) this one makes the weights sum to 0.

    Args:
        means: M (K, d), row c the mean feature of class c.
        covariance: Σ (d, d), symmetric and positive definite, or None (default) for
            the identity.

    Returns:
        Weights (K, d) and biases (K,), float64. Their logits are log-likelihoods of
        the classes, up to a common term, if noise is normal with covariance Σ.

    Raises:
        ValueError: not one finite row for each of at least 2 classes, or a covariance
            that is not symmetric and positive definite.

    Example:

    >>> from keras_spa.theory import exponent_efficiency, optimal_classifier
    >>> means, noise = [[1.0, 1.0], [-1.0, -1.0]], [[9.0, 0.0], [0.0, 1.0]]
    >>> weights, biases = optimal_classifier(means, noise)
    >>> round(exponent_efficiency(weights, means, biases, noise), 6)
    1.0

    Reference: theorem T7 of docs/theory.md, ours; Hastie, Tibshirani and Friedman
    (2009), "The Elements of Statistical Learning", section 4.3.
    """
    means = _inputs.rows("means", means)
    centre = means.mean(axis=0)
    centred = means - centre
    weights = centred
    if covariance is not None:
        factor = _inputs.cholesky(covariance, means.shape[1])
        weights = scipy.linalg.cho_solve((factor, True), centred.T).T
    biases = -np.sum(weights * centred, axis=1) / 2 - weights @ centre
    return weights, biases


def plain_alignment_efficiency(means: Array, covariance: Array) -> float:
    """What is left of the optimal exponent if weights are the plain class means.

    The exponent, in noise Σ, of the classifier that is optimal in isotropic noise,
    `w_c = μ_c`, `b_c = −‖μ_c‖²/2`, as a share of the optimum. For two classes, with
    `Δ = μ_1 − μ_2`, it is `(ΔᵀΔ)²/((ΔᵀΣΔ)(ΔᵀΣ⁻¹Δ))`; for any number at least
    `4κ/(1+κ)²`, κ being the condition number of Σ.

    Args:
        means: M (K, d), row c the mean feature of class c.
        covariance: Σ (d, d), symmetric and positive definite.

    Returns:
        Float in (0, 1]; 1 if noise is isotropic.

    Raises:
        ValueError: as `exponent_efficiency`.

    Example:

    >>> from keras_spa.theory import plain_alignment_efficiency
    >>> means = [[1.0, 1.0], [-1.0, -1.0]]
    >>> round(plain_alignment_efficiency(means, [[9.0, 0.0], [0.0, 1.0]]), 6)
    0.36

    Reference: theorem T8 of docs/theory.md, ours.
    """
    weights, biases = optimal_classifier(means)
    return exponent_efficiency(weights, means, biases, covariance)
