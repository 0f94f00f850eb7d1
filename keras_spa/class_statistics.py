import dataclasses
from typing import Any

import keras

from keras_spa import geometry
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
    _known: dict[str, Tensor] = dataclasses.field(
        default_factory=dict, init=False, repr=False
    )

    def directions(self, center: bool = True) -> Tensor:
        """Directions μ̂ of the class means, float32 (K, d); 0 for classes never seen.

        `unit(μ_c − mean over seen classes of μ)` if `center`, else `unit(μ_c)`.
        """
        name = "centred" if center else "plain"
        if name not in self._known:
            self._known[name] = geometry.mean_directions(self.means, self.seen, center)
        return self._known[name]

    def cosines(self, weights: Tensor, center: bool = True) -> Tensor:
        """`ŵ_c·μ̂_c` of each class's weight (K, d) and mean, float32 (K,)."""
        return geometry.dot(geometry.unit(weights), self.directions(center))


if keras.backend.backend() == "jax":
    import jax

    def _flatten(statistics: ClassStatistics) -> tuple[tuple[Any, ...], None]:
        return (statistics.means, statistics.seen, statistics._known), None

    def _unflatten(_: None, parts: tuple[Any, ...]) -> ClassStatistics:
        *arguments, known = parts
        statistics = ClassStatistics(*arguments)
        statistics._known.update(known)
        return statistics

    jax.tree_util.register_pytree_node(ClassStatistics, _flatten, _unflatten)
