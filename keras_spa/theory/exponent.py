import numpy as np

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.theory import _inputs, _pairs


def error_exponent(
    weights: Array,
    means: Array,
    biases: Array | None = None,
    per_class: bool = False,
    covariance: Array | None = None,
) -> float | Array:
    """How fast a linear classifier's errors vanish with the noise of its features.

    Features of class y are `μ_y + σn`, n standard normal; the decision is
    `argmax_c w_c·h + b_c`. As σ → 0, `P(error | y) = exp(−(E_y + o(1))/σ²)` with

        E_y = min over j≠y of max(0, (w_y−w_j)·μ_y + b_y − b_j)² / (2‖w_y−w_j‖²),

    half the squared distance from `μ_y` to the nearest boundary, 0 if `μ_y` is not on
    its own side of all of them. The classifier's exponent is that of its worst class.
    With noise `σΣ^½n` the denominator is `2(w_y−w_j)ᵀΣ(w_y−w_j)`.

    Two classes with equal rows of W are told apart by their biases alone. For the
    class with the larger bias the other one is no rival (exponent ∞); the exponent
    of the class with the smaller bias, and of both if the biases are equal, is 0.

    Computed in float64, in blocks: memory does not grow with K². The relative error is
    about 1e-12, more where `(w_y−w_j)·μ_y + b_y − b_j` is itself a small difference of
    large terms.

    Args:
        weights: W (K, d), row c the weight of class c: the transpose of a Keras kernel.
        means: M (K, d), row c the mean feature of class c.
        biases: b (K,), or None (default) for a classifier without.
        per_class: Whether to return the exponent of each class. Defaults to False.
        covariance: Σ (d, d) of the noise `σΣ^½n`, symmetric and positive definite, or
            None (default) for the identity.

    Returns:
        The exponent, `min_y E_y`, a float in units of squared distance of features, or
        without unit if Σ is the features' own covariance; with `per_class=True` all
        `E_y`, a float64 array (K,).

    Raises:
        ValueError: shapes that do not match, fewer than 2 classes, values that are
            not finite, a covariance that is not symmetric and positive definite.

    Example:

    >>> from keras_spa.theory import error_exponent
    >>> means = [[1.0, 0.0], [-1.0, 0.0]]
    >>> error_exponent(means, means)
    0.5
    >>> error_exponent(means, means, biases=[1.0, 0.0], per_class=True)
    array([1.125, 0.125])

    Reference: theorem T1 of docs/theory.md, from the framework of Wang, Gao and Xie
    (AAAI 2026), "Space Alignment Matters"; with a covariance T6, ours.
    """
    per_class = _checks.choice("per_class", per_class, (False, True))
    nearest = boundary_distances(weights, means, biases, covariance)
    exponents = np.square(np.maximum(nearest, 0.0)) / 2
    return exponents if per_class else float(exponents.min())


def boundary_distances(
    weights: Array,
    means: Array,
    biases: Array | None = None,
    covariance: Array | None = None,
) -> Array:
    """How far each class's mean lies on its own side of its nearest boundary.

    `r_y = min over j≠y of ((w_y−w_j)·μ_y + b_y − b_j) / √((w_y−w_j)ᵀΣ(w_y−w_j))`, in
    standard deviations of the noise `Σ^½n` across the boundary; without a covariance, a
    distance of features. It is negative where the mean itself is misclassified: there
    the exponent, `½ max(0, r_y)²`, is 0 for all classes alike, and the distance tells
    how badly.

    Args:
        weights, means, biases, covariance: as in `error_exponent`.

    Returns:
        float64 array (K,); ±∞ where a class is told from all others by its bias alone.

    Raises:
        ValueError: as `error_exponent`.

    Example:

    >>> from keras_spa.theory import boundary_distances
    >>> means = [[1.0, 0.0], [-1.0, 0.0]]
    >>> boundary_distances(means, means, covariance=[[4.0, 0.0], [0.0, 1.0]])
    array([0.5, 0.5])

    Reference: theorems T1 and T6 of docs/theory.md.
    """
    parts = _inputs.classifier(weights, means, biases, covariance)
    blocks = _pairs.boundary_distances(*parts)
    return np.concatenate([distances.min(axis=1) for distances in blocks])


def optimal_error_exponent(means: Array, covariance: Array | None = None) -> float:
    """The largest exponent that any decision rule reaches on features with these means.

    `OEE = min over i≠j of ‖μ_i−μ_j‖²/8`, the Chernoff information of the two closest
    classes' Gaussians times σ². The rule that takes the nearest mean, which is linear
    (`w_c = μ_c`, `b_c = −‖μ_c‖²/2`), attains it. With noise `σΣ^½n` the distance is
    that of Mahalanobis, `(μ_i−μ_j)ᵀΣ⁻¹(μ_i−μ_j)`, and `optimal_classifier` attains it.

    Args:
        means: M (K, d), row c the mean feature of class c.
        covariance: Σ (d, d) of the noise `σΣ^½n`, symmetric and positive definite, or
            None (default) for the identity.

    Returns:
        Float, in the units of `error_exponent`; 0 if two means coincide.

    Raises:
        ValueError: not one finite row for each of at least 2 classes, or a covariance
            that is not symmetric and positive definite.

    Example:

    >>> from keras_spa.theory import optimal_error_exponent, simplex_etf
    >>> optimal_error_exponent([[1.0, 0.0], [-1.0, 0.0]])
    0.5
    >>> round(optimal_error_exponent(simplex_etf(10, 9)), 6)  # K/(4(K−1))
    0.277778

    Reference: theorems T2 and T3 of docs/theory.md, from the framework of Wang, Gao
    and Xie (AAAI 2026); Cover and Thomas (2006), "Elements of Information Theory",
    section 11.9.
    """
    return _pairs.closest(_inputs.whitened_means(means, covariance))[2] / 8


def exponent_efficiency(
    weights: Array,
    means: Array,
    biases: Array | None = None,
    covariance: Array | None = None,
) -> float:
    """How much of its features' separability a linear classifier uses, in [0, 1].

    `error_exponent(W, M, b, Σ) / optimal_error_exponent(M, Σ)`. It is at most 1: on the
    line through the two closest means the boundary between their classes is no farther
    than half their distance from one of them. (Rounding above 1 is cut off.) It is the
    same after a rotation of W, M and Σ, a positive scaling of W and b, and the
    addition of one vector to all rows of W.

    Args:
        weights: W (K, d), row c the weight of class c: the transpose of a Keras kernel.
        means: M (K, d), row c the mean feature of class c.
        biases: b (K,), or None (default) for a classifier without.
        covariance: Σ (d, d) of the noise `σΣ^½n`, symmetric and positive definite, or
            None (default) for the identity.

    Returns:
        Float in [0, 1]; 1 for the best classifier of these features, 0 if the mean of
        some class is not classified as that class.

    Raises:
        ValueError: two classes with the same mean, shapes that do not match, fewer
            than 2 classes, values that are not finite.

    Example:

    >>> from keras_spa.theory import exponent_efficiency, simplex_etf
    >>> etf = simplex_etf(4, 3)
    >>> round(exponent_efficiency(2 * etf, etf), 6)
    1.0
    >>> round(exponent_efficiency(etf[[1, 0, 2, 3]], etf), 6)
    0.0

    Reference: ours, on theorems T1, T2, T6 and T7 of docs/theory.md.
    """
    weights, means, biases = _inputs.classifier(weights, means, biases, covariance)
    i, j, squared = _pairs.closest(means)
    if squared == 0:
        raise ValueError(
            "Argument `means` must be different for different classes: no classifier "
            f"tells features of equal means apart. Received equal rows {i} and {j}"
        )
    return min(1.0, error_exponent(weights, means, biases) / (squared / 8))
