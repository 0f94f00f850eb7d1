"""Wild inputs: tables of what users bring, for every public callable.

`judge` says how one value is judged, `arrays` and `pools` what values there are; the
other modules hold a table each, from the names of callables to `Subject`s.
"""

from wild import (
    augment,
    data,
    heads,
    layers,
    losses,
    metrics,
    models,
    theory_alignment,
    trained,
)

MODULES = [
    *(augment, data, heads, layers, losses, metrics, models),
    *(theory_alignment, trained),
]
TABLE = {name: row for module in MODULES for name, row in module.TABLE.items()}

__all__ = ["TABLE"]
