"""Markdown tables, padded so that they read as plain text too."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of rows of strings, the first one its header.

    Example:

    >>> from keras_spa import markdown
    >>> print(markdown.table([["class", "images"], ["a|b", "7"]]), end="")
    | class | images |
    |-------|--------|
    | a\\|b  | 7      |
    """
    cells = [
        [str(cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    header, *body = (
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells
    )
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([header, rule, *body]) + "\n"
