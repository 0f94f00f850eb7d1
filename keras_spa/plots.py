"""What all pictures share: where they may go, how they look, how they are written."""

import io
import pathlib
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

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

MOST_NAMES = 50  # classes that a picture names one by one
LONGEST = 40  # characters of a name that a picture shows
SIZE = 9  # of letters, in points
WIDTH, HEIGHT = 0.6 / 72, 1.35 / 72  # of a letter of one point, in inches


def short(name: str, longest: int = LONGEST) -> str:
    """A name of at most `longest` characters, with … for the middle of a longer one."""
    if len(name) <= longest:
        return name
    last = (longest - 1) // 3
    return f"{name[: longest - 1 - last]}…{name[len(name) - last :]}"


class Labels(NamedTuple):
    """Names of classes below an axis, none cut off or on top of another.

    Args:
        texts: A label a class.
        upright: Whether they are turned by 90°.
        size: Of their letters, in points.
        inches: How high they are, for the figure to be that much higher.
    """

    texts: list[str]
    upright: bool
    size: float
    inches: float

    def put(self, axes: Any, places: Any) -> None:
        """Sets them as ticks of the x axis."""
        rotation = 90 if self.upright else 0
        axes.set_xticks(places, self.texts, rotation=rotation, fontsize=self.size)


def labels(
    names: Sequence[str],
    width: float,
    notes: Sequence[str] | None = None,
    upright: bool = False,
) -> Labels:
    """Labels of names that share `width` inches, in lines or, if they must, upright.

    `notes`, such as counts, stand below or behind the names.
    """
    names = [short(name) for name in names]
    notes = list(notes) if notes is not None else [""] * len(names)
    slot = width / max(1, len(names))
    letters = int(slot / (SIZE * WIDTH)) - 1
    if letters >= 3 and not upright:
        wrapped = [textwrap.wrap(n, letters, break_long_words=False) for n in names]
        rows = [
            [*lines, *([note] if note else [])]
            for lines, note in zip(wrapped, notes, strict=True)
        ]
        fit = all(len(line) <= letters for lines in rows for line in lines)
        most = max(len(lines) for lines in rows)
        if fit and most <= 4:
            texts = ["\n".join(lines) for lines in rows]
            return Labels(texts, False, SIZE, most * SIZE * HEIGHT)
    texts = [
        f"{n} ({note})" if note else n for n, note in zip(names, notes, strict=True)
    ]
    size = min(SIZE, max(4.0, slot * 72 * 0.8))
    return Labels(texts, True, size, max(map(len, texts)) * size * WIDTH)


def legend_above(axes: Any, title: str, columns: int, **legend: Any) -> None:
    """The axes' legend between them and their title, where it covers nothing."""
    handles = legend.get("handles") or axes.get_legend_handles_labels()[0]
    columns = max(1, min(columns, len(handles)))
    size = legend.setdefault("fontsize", SIZE)
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=columns,
        frameon=False,
        borderaxespad=0.1,
        **legend,
    )
    rows = -(-len(handles) // columns)
    axes.set_title(title, pad=10 + 1.5 * size * rows)


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


def save(
    figure: Any, path: pathlib.Path, dpi: int = 150, size: str | None = None
) -> None:
    """Writes the figure whole or not at all; the same bytes each time.

    With `size="tight"` it is as large as what is drawn, instead of as it was made.
    """
    write_atomically(path, encoded(figure, path.suffix[1:].lower(), dpi, size))


def encoded(figure: Any, kind: str, dpi: int = 150, size: str | None = None) -> bytes:
    """The figure as "png", "svg" and so on; the same bytes each time."""
    metadata = {"Date": None} if kind == "svg" else None
    buffer = io.BytesIO()
    with warnings.catch_warnings():  # a box stands for an emoji
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        arguments = {"dpi": dpi, "metadata": metadata, "bbox_inches": size}
        figure.savefig(buffer, format=kind, **arguments)
    return buffer.getvalue()
