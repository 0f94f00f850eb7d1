from collections.abc import Callable
from typing import Any

from keras_spa.alignment.base import Alignment


class Showing:
    """How a `SpAModel` shows itself: its alignment stands beside what Keras shows."""

    name: str
    built: bool
    alignments: list[Alignment]

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} name={self.name}, alignment={self._alignment()}, "
            f"built={self.built}>"
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """As in Keras, with the alignment in a last line."""
        shown = expand_nested, show_trainable, layer_range
        of_keras: Any = super()
        of_keras.summary(line_length, positions, print_fn, *shown)
        (print_fn or print)(f" Alignment: {self._alignment()}")

    def _alignment(self) -> str:
        """One alignment, several as a list, or None."""
        alignments = getattr(self, "alignments", [])  # none yet amid `__init__`
        if len(alignments) == 1:
            return repr(alignments[0])
        return repr(list(alignments) or None)
