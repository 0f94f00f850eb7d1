import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_spa import _arrays, geometry
from keras_spa._types import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class ClassStatistics:
    """What is known about the features of each class: what an alignment aligns with.

    One object a training step: every alignment and the metric `alignment` take their
    directions from it, each of which is computed once, when it is first asked for.
    It is a pytree to JAX, and can be returned from compiled functions.

    Args:
        means: Tensor (K, d), the class means μ.
        seen: Tensor (K,): 1 for classes observed so far, 0 for the others.
        scatter: Tensor (d, d), the running sum of within-class covariances, or None
            if no alignment asks for it.
        weight: Scalar tensor, what the scatter is to be divided by.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_spa as spa
    >>> means, seen = np.array([[3.0, 4.0], [9.0, 9.0]]), np.array([1.0, 0.0])
    >>> statistics = spa.ClassStatistics(means, seen)
    >>> print(ops.convert_to_numpy(statistics.directions(center=False)).round(3))
    [[0.6 0.8]
     [0.  0. ]]

    Reference: ours.
    """

    means: Tensor
    seen: Tensor
    scatter: Tensor | None = None
    weight: Tensor | None = None
    _known: dict[Any, Any] = dataclasses.field(
        default_factory=dict, init=False, repr=False
    )

    def __post_init__(self) -> None:
        for name in ("means", "seen", "scatter", "weight"):
            value = getattr(self, name)
            if value is not None or name in ("means", "seen"):
                object.__setattr__(self, name, _arrays.tensor(name, value))
        shape = tuple(self.means.shape)
        if len(shape) != 2 or tuple(self.seen.shape) != shape[:1]:
            raise ValueError(
                "Arguments `means` and `seen` must have shapes (K, d) and (K,). "
                f"Received: means.shape={shape}, seen.shape={tuple(self.seen.shape)}"
            )
        square = (shape[1],) * 2
        if self.scatter is not None and tuple(self.scatter.shape) != square:
            raise ValueError(
                f"Argument `scatter` must have shape {square}, d being that of the "
                f"means. Received: scatter.shape={tuple(self.scatter.shape)}"
            )

    def rows(self, name: str, value: Tensor, axis: int = -1) -> Tensor:
        """`value` as float32, a row (K, d) for each class, or with axis 0 a column."""
        shape = tuple(self.means.shape)[:: -1 if axis == 0 else 1]
        value = _arrays.tensor(name, value, "(d, K)" if axis == 0 else "(K, d)")
        if tuple(value.shape) != shape:
            raise ValueError(
                f"Argument `{name}` must have the shape of the class means, {shape}. "
                f"Received: {name}.shape={tuple(value.shape)}"
            )
        return ops.cast(value, "float32")

    def tensors(self) -> tuple[Tensor, ...]:
        """What it was made of, without what is None."""
        parts = (self.means, self.seen, self.scatter, self.weight)
        return tuple(part for part in parts if part is not None)

    def _means(self, center: bool, axis: int) -> Tensor:
        """The class means along an axis, centred or as they are."""
        if center:
            means = self._means(False, axis)
            return self._once(
                ("centred", axis), lambda: geometry.centred(means, self.seen, axis)
            )
        if axis == 0:
            return self._once("columns", lambda: _arrays.transposed(self.means))
        return self.means

    def directions(self, center: bool = True, axis: int = -1) -> Tensor:
        """Directions μ̂ of the class means, float32 (K, d); 0 for classes never seen.

        `unit(μ_c − mean over seen classes of μ)` if `center`, else `unit(μ_c)`. With
        `axis=0` they are columns, (d, K).
        """

        def directions() -> Tensor:
            means = self._means(center, axis)
            return geometry.mean_directions(means, self.seen, False, axis)

        return self._once(("directions", center, axis), directions)

    def cosines(self, weights: Tensor, center: bool = True, axis: int = -1) -> Tensor:
        """`ŵ_c·μ̂_c` of each class's weight and mean, float32 (K,).

        The weights are rows (K, d), or with `axis=0` columns (d, K).
        """
        weights = self.rows("weights", weights, axis)
        cosines = geometry.cosine(weights, self._means(center, axis), axis=axis)
        return ops.where(ops.cast(self.seen, "float32") > 0, cosines, 0.0)

    @property
    def covariance(self) -> Tensor:
        """Σ, the within-class covariance averaged over the classes, float32 (d, d).

        Raises:
            ValueError: it was not kept.
        """
        if self.scatter is None or self.weight is None:
            raise ValueError(
                'An alignment with noise="within_class" needs the covariance of the '
                "features: keep it with ClassMeans(..., covariance=True), as SpAModel "
                "and SpADense do by themselves. Received: statistics without one"
            )
        weight = ops.maximum(ops.cast(self.weight, "float32"), 1e-12)
        return ops.cast(self.scatter, "float32") / weight

    def whitening(self, noise: str, shrinkage: float) -> geometry.Whitening:
        """Coordinates in which `(1−α)Σ + α·tr(Σ)/d·I` is I; constant for gradients.

        They are the features' own in noise `"isotropic"`, and before any data.
        """
        if noise == "isotropic":
            return geometry.Whitening(None)

        def factor() -> Tensor:
            shrunk = geometry.shrunk(self.covariance, shrinkage)
            return ops.stop_gradient(ops.cholesky(shrunk))

        return geometry.Whitening(self._once(("factor", shrinkage), factor))

    def aims(
        self, center: bool, noise: str, shrinkage: float, axis: int = -1
    ) -> Tensor:
        """Where whitened weights should point: the whitened class means, (K, d).

        Of any length, and without a meaning for classes never seen.
        """

        def aims() -> Tensor:
            whitening = self.whitening(noise, shrinkage)
            return whitening.means(self._means(center, axis), axis)

        if noise == "isotropic":
            return aims()
        return self._once(("aims", center, shrinkage, axis), aims)

    def centre(self) -> Tensor:
        """μ_G, the mean over the seen classes of their means, float32 (d,)."""
        return geometry.mean_over_seen(self.means, self.seen)

    def _once(self, name: Any, compute: Callable[[], Tensor]) -> Tensor:
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]


if keras.backend.backend() == "jax":
    import jax

    def _flatten(statistics: ClassStatistics) -> tuple[tuple[Any, ...], Any]:
        names = tuple(statistics._known)
        known = tuple(statistics._known.values())
        return (statistics.tensors(), known), names

    def _unflatten(names: Any, parts: tuple[Any, ...]) -> ClassStatistics:
        tensors, known = parts
        statistics = object.__new__(ClassStatistics)  # JAX has stand-ins for tensors
        parts = (*tensors, None, None)[:4]
        values = dict(zip(("means", "seen", "scatter", "weight"), parts, strict=True))
        vars(statistics).update(values)
        vars(statistics)["_known"] = dict(zip(names, known, strict=True))
        return statistics

    jax.tree_util.register_pytree_node(ClassStatistics, _flatten, _unflatten)
