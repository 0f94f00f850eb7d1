from typing import Any

import numpy as np

from keras_spa import _arrays, _checks


def rotated_etf_exponent(num_classes: int, angle: Any, plane: bool = False) -> Any:
    """Exponent of a classifier that has the right shape but is turned by an angle.

    The means are a simplex ETF of unit vectors `m_c`, and so are the weights, turned
    by θ; there are no biases. Turned out of the span of the means, into a copy of the
    ETF in orthogonal dimensions, `w_c = cos θ·m_c + sin θ·m'_c`:

        E(θ) = cos²θ · K/(4(K−1)),   0 for π/2 ≤ |θ| ≤ π.

    Turned within the plane of the three means of K = 3 classes:

        E(θ) = sin²(π/3−|θ|)/2,      0 for π/3 ≤ |θ| ≤ π.

    Either way the cosine of each weight with its mean is cos θ.

    Args:
        num_classes: K, at least 2; 3 if `plane`.
        angle: θ in radians, a finite number or an array of any shape; of period 2π.
        plane: Whether to turn within the plane of the means. Defaults to False.

    Returns:
        Float, or a float64 array of the shape of `angle`, in units of squared distance
        of features, the means having length 1.

    Raises:
        ValueError: fewer than 2 classes, `plane` with other than 3, angles that are
            not finite numbers.

    Example:

    >>> import numpy as np
    >>> from keras_spa.theory import rotated_etf_exponent
    >>> angles = np.radians([0, 30, 60, 90])
    >>> print(rotated_etf_exponent(3, angles).round(3))
    [0.375 0.281 0.094 0.   ]
    >>> print(rotated_etf_exponent(3, angles, plane=True).round(3))
    [0.375 0.125 0.    0.   ]

    Reference: theorems T4 and T5 of docs/theory.md, from the framework of Wang, Gao and
    Xie (AAAI 2026), "Space Alignment Matters".
    """
    K = _checks.integer("num_classes", num_classes, 2)
    plane = _checks.choice("plane", plane, (False, True))
    if plane and K != 3:
        raise ValueError(
            "Argument `num_classes` must be 3 for an ETF turned within its plane. "
            f"Received: num_classes={K}, plane=True"
        )
    theta = _arrays.array("angle", angle)
    if theta.dtype.kind not in "iuf" or not np.isfinite(theta).all():
        raise ValueError(
            "Argument `angle` must be finite, a number or an array of numbers. "
            f"Received: angle={angle!r}"
        )
    theta = np.abs(np.remainder(theta.astype(np.float64) + np.pi, 2 * np.pi) - np.pi)
    if plane:
        exponent = np.sin(np.maximum(np.pi / 3 - theta, 0.0)) ** 2 / 2
    else:
        exponent = np.maximum(np.cos(theta), 0.0) ** 2 * K / (4 * (K - 1))
    return float(exponent) if exponent.ndim == 0 else exponent
