"""One version, and an API reference that leaves nothing public out."""

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
def test_the_reference_shows_every_public_name(name):
    """A function named as the file that defines it needs an entry of its own."""
    page = (ROOT / "docs" / "reference" / f"{name}.md").read_text()
    assert f"::: keras_spa.{name}\n" in page
    folder = ROOT / "keras_spa" / name
    for member in getattr(getattr(spa, name), "__all__", ()):
        if (folder / f"{member}.py").exists():
            assert f"::: keras_spa.{name}.{member}.{member}\n" in page
