"""One version, and an API reference with every public module."""

import inspect
import pathlib
import re

import pytest

import keras_spa as spa

ROOT = pathlib.Path(__file__).parents[1]
MODULES = [name for name in spa.__all__ if inspect.ismodule(getattr(spa, name))]


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"\nversion: {spa.__version__}\n" in citation
    assert re.search(r"^## \[(\d.*?)\]", changelog, re.M).group(1) == spa.__version__


@pytest.mark.parametrize("name", MODULES)
def test_the_reference_has_a_page_for_every_public_module(name):
    page = (ROOT / "docs" / "reference" / f"{name}.md").read_text()
    assert f"::: keras_spa.{name}\n" in page
    assert f"reference/{name}.md" in (ROOT / "mkdocs.yml").read_text()
