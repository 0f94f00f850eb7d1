"""Links and pictures of all documents lead to files that exist."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [
    path
    for pattern in ("*.md", "docs/*.md", "recipes/*.md", "benchmarks/*.md")
    for path in sorted(ROOT.glob(pattern))
]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_linked_files_exist(page):
    links = [page.parent / link for link in LINK.findall(page.read_text())]
    missing = [link for link in links if not link.exists()]
    outside = [link for link in links if ROOT not in link.resolve().parents]
    assert not missing
    assert not outside
