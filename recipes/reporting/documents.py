"""Documents whose tables and numbers come from result files, between markers.

    <!-- table: recipes/results/digits_lt -->
    ... the table ...
    <!-- end of table -->

    The gain is <!-- number: digits_lt / ce + spa_reg / gain -->...<!-- end --> points.

`reporting.numbers` says what tables and numbers there are.
"""

import pathlib
import re
from collections.abc import Callable

from keras_spa.files import write_atomically
from reporting import numbers, results_page
from reporting.rows import ROOT

DOCUMENTS = ("README.md", "BUILD_NOTES.md", "docs/*.md", "benchmarks/README.md")
BEGIN = re.compile(r"<!-- (?:table|number): ")
TABLE = re.compile(
    r"(?P<begin><!-- table: (?P<name>[^\n]+?) -->\n)"
    r"(?:(?!<!-- table: ).)*?(?P<end><!-- end of table -->)",
    re.DOTALL,
)
NUMBER = re.compile(
    r"(?P<begin><!-- number: (?P<name>[^\n]+?) -->)"
    r"(?:(?!<!-- number: ).)*?(?P<end><!-- end -->)",
    re.DOTALL,
)


def refresh(text: str) -> str:
    """`text` with what stands between its markers generated anew.

    Raises:
        ValueError: a marker without its end, or of a table or number that is not known.
    """
    marked = len(BEGIN.findall(text))
    pairs = ((TABLE, numbers.table), (NUMBER, numbers.number))
    if sum(len(pattern.findall(text)) for pattern, _ in pairs) < marked:
        raise ValueError(
            "Each `<!-- table: ... -->` needs its `<!-- end of table -->`, each "
            "`<!-- number: ... -->` its `<!-- end -->`"
        )
    for pattern, make in pairs:

        def replace(match: re.Match, make: Callable[[str], str] = make) -> str:
            return match["begin"] + make(match["name"]) + match["end"]

        text = pattern.sub(replace, text)
    return text


def pages() -> dict[pathlib.Path, str]:
    """All generated documents as they should be, by path."""
    texts = {ROOT / "recipes" / "README.md": results_page.page()}
    for pattern in DOCUMENTS:
        for path in sorted(ROOT.glob(pattern)):
            try:
                texts[path] = refresh(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{path.relative_to(ROOT)}: {error}") from error
    return texts


def regenerate() -> list[pathlib.Path]:
    """Writes the documents that are not as they should be; their paths."""
    changed = [
        (path, text)
        for path, text in pages().items()
        if not path.exists() or path.read_bytes() != text.encode()
    ]
    for path, text in changed:
        write_atomically(path, text)
    return [path for path, _ in changed]
