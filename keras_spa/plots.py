"""What all pictures share: where they may go, how they look, how they are written."""

import io
import pathlib
from typing import Any

from keras_spa._types import Path
from keras_spa.files import write_atomically

# Okabe and Ito's colours: told apart by the colour-blind, and in grey.
PALETTE = {
    "black": "#000000",
    "blue": "#0072B2",
    "green": "#009E73",
    "orange": "#E69F00",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
}
SHOT_COLORS = {
    "many": PALETTE["blue"],
    "medium": PALETTE["orange"],
    "few": PALETTE["vermilion"],
}


def check_path(path: Path) -> pathlib.Path:
    """`path` as a `pathlib.Path`, if a picture can be written there."""
    path = pathlib.Path(path)
    if path.suffix.lower() not in (".png", ".svg"):
        raise ValueError(
            f"Argument `path` must end in .png or .svg. Received: path={str(path)!r}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path.parent)!r} to write to")
    return path


def style() -> Any:
    """Context in which all figures are drawn and saved."""
    import matplotlib

    return matplotlib.rc_context(
        {
            "font.size": 9,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "svg.hashsalt": "keras_spa",
            "text.parse_math": False,  # a class may be called "$"
        }
    )


def save(figure: Any, path: pathlib.Path, dpi: int = 150) -> None:
    """Writes the figure whole or not at all; the same bytes each time."""
    kind = path.suffix[1:].lower()
    metadata = {"Date": None} if kind == "svg" else None
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    write_atomically(path, buffer.getvalue())
