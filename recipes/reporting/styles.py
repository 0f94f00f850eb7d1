"""How methods, alignments and classes look in every picture."""

import itertools

from engine.names import ALIGNMENTS, METHODS
from keras_spa.plots import PALETTE

MARKERS = dict(zip(ALIGNMENTS, "os^DPX*v", strict=True))
BROWN = "saddlebrown"  # for yellow, which hardly shows on white
COLORS = {
    alignment: PALETTE.get(name, name)
    for alignment, name in zip(
        ALIGNMENTS,
        ("black", "blue", "green", "orange", "sky", BROWN, "purple", "vermilion"),
        strict=True,
    )
}
DASHES = ("-", "--", "-.", (0, (3, 1, 1, 1)), "--", "-.", (0, (3, 1, 1, 1)), ":")
LINES = dict(zip(ALIGNMENTS, DASHES, strict=True))
FILLS = dict(  # there are six; methods beyond them have tables of their own
    zip(
        METHODS,
        itertools.cycle(("full", "none", "left", "right", "top", "bottom")),
        strict=False,
    )
)
SHOT_MARKERS = {"many": "o", "medium": "s", "few": "^"}
CLASS_COLORS = tuple(PALETTE[name] for name in ("blue", "orange", "green", "purple"))
CLASS_MARKERS = "osD^"
