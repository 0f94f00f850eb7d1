"""A page of HTML in one file: text, tables, pictures."""

import base64
import html
import re
from collections.abc import Sequence

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: right;
  overflow-wrap: anywhere; }
th:first-child, td:first-child { text-align: left; font-weight: normal; }
thead th { border-bottom: 2px solid #888; }
figure { margin: 1.5rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #555; }
summary { font-size: 1.2rem; font-weight: bold; margin-top: 2rem; cursor: pointer; }
code { background: #f3f3f3; padding: .1rem .3rem; overflow-wrap: anywhere; }
"""
KINDS = {"svg": "image/svg+xml", "png": "image/png"}


def page(title: str, parts: Sequence[str]) -> str:
    """A whole page."""
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<main>\n<h1>{text(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(string: str) -> str:
    """Text as HTML; its lines stay lines."""
    return html.escape(string).replace("\n", "<br>\n")


def table(rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table, the first of its rows and the first cell of each row as headers."""
    header = "".join(f'<th scope="col">{text(cell)}</th>' for cell in rows[0])
    body = "\n".join(
        f'<tr><th scope="row">{text(first)}</th>'
        + "".join(f"<td>{text(cell)}</td>" for cell in others)
        + "</tr>"
        for first, *others in rows[1:]
    )
    return (
        f"<table>\n<caption>{text(caption)}</caption>\n<thead><tr>{header}</tr></thead>"
        f"\n<tbody>\n{body}\n</tbody>\n</table>"
    )


def items(lines: Sequence[str]) -> str:
    """A list."""
    return "<ul>\n" + "\n".join(f"<li>{text(line)}</li>" for line in lines) + "\n</ul>"


def details(summary: str, content: str, is_open: bool) -> str:
    """Something that can be folded away."""
    state = " open" if is_open else ""
    return (
        f"<details{state}>\n<summary>{text(summary)}</summary>\n{content}\n</details>"
    )


def figure(picture: bytes, caption: str, alt: str, kind: str = "svg") -> str:
    """A picture within the page."""
    data = base64.b64encode(picture).decode()
    alt = html.escape(alt, quote=True)
    return (
        f'<figure>\n<img alt="{alt}" src="data:{KINDS[kind]};base64,{data}">\n'
        f"<figcaption>{text(caption)}</figcaption>\n</figure>"
    )


def markdown(source: str) -> str:
    """Paragraphs and tables of Markdown, which is all that reports are made of."""
    parts = []
    for block in re.split(r"\n\s*\n", source.strip()):
        lines = block.splitlines()
        if lines[0].startswith("|"):
            rows = [_cells(line) for line in lines if line.startswith("|")]
            rest = [line for line in lines if not line.startswith("|")]
            parts.append(table([rows[0], *rows[2:]], ""))
            lines = rest
        if lines:
            joined = html.escape(" ".join(lines))
            joined = re.sub(r"[*]([^*]+)[*]", r"<em>\1</em>", joined)
            parts.append(f"<p>{joined}</p>")
    return "\n".join(parts)


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [cell.strip().replace("\\|", "|") for cell in cells]
