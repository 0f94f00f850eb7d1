import numpy as np

from keras_spa import _checks
from keras_spa._types import Array


def simplex_etf(num_classes: int, dimension: int, seed: int | None = None) -> Array:
    """Unit vectors as far apart as K of them can be: a simplex equiangular tight frame.

    Rows `m_c` with `‖m_c‖ = 1`, `m_c·m_j = −1/(K−1)` for c ≠ j and `Σ_c m_c = 0`:
    `M = √(K/(K−1))·V·Qᵀ`. The K−1 orthonormal columns of V (K, K−1) span the vectors
    whose entries sum to zero (Helmert's basis); those of Q (d, K−1) span a subspace
    of the features.

    Args:
        num_classes: K, at least 2.
        dimension: d, at least K−1.
        seed: None (default) for Q = the first K−1 axes; a non-negative integer for a
            Q drawn uniformly (Haar) with `numpy.random.RandomState(seed)`.

    Returns:
        float32 NumPy array (K, d).

    Raises:
        ValueError: fewer than 2 classes, or fewer than K−1 dimensions.

    Example:

    >>> from keras_spa.theory import simplex_etf
    >>> etf = simplex_etf(3, 2)
    >>> print((etf @ etf.T).round(3).tolist())
    [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]]

    Reference: Papyan, Han and Donoho (2020), "Prevalence of neural collapse during the
    terminal phase of deep learning training", definition 1.
    """
    K = _checks.integer("num_classes", num_classes, 2)
    d = _checks.integer("dimension", dimension, 1)
    if d < K - 1:
        raise ValueError(
            f"Argument `dimension` must be at least {K - 1} for a simplex ETF of "
            f"{K} classes. Received: dimension={d}"
        )
    j = np.arange(1, K)  # column j: j equal entries, then one that balances them
    vertices = np.triu(np.ones((K, K - 1))) - np.diag(j.astype(float), -1)[:, : K - 1]
    vertices *= np.sqrt(K / (K - 1)) / np.sqrt(j * (j + 1.0))
    if seed is None:
        return np.float32(np.pad(vertices, ((0, 0), (0, d - K + 1))))
    seed = _checks.seed("seed", seed)
    q, r = np.linalg.qr(np.random.RandomState(seed).standard_normal((d, K - 1)))
    q *= np.sign(np.diagonal(r))  # makes Q unique, and uniformly distributed
    return np.float32(vertices @ q.T)
