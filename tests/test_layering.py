"""Who imports whom: one way, without a circle, and nothing private from outside."""

import ast
import graphlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# What each part of the package may import, beside the files that belong to all.
COMMON = {
    "_arrays",
    "_checks",
    "_keras_private",
    "_label_checks",
    "_types",
    "_warn",
    "files",
    "markdown",
    "plots",
}
ALLOWED = {
    "whitening": set(),
    "geometry": {"whitening"},
    "distribute": set(),
    "model_card": set(),
    "theory": set(),
    "losses": {"geometry", "distribute"},
    "class_statistics": {"geometry"},
    "alignment": {"geometry", "class_statistics", "distribute"},
    "metrics": {"geometry", "class_statistics", "theory"},
    "layers": {
        *("geometry", "class_statistics", "distribute", "theory", "alignment"),
        "losses",
    },
    "data": {"metrics"},
}
ALLOWED["models"] = ALLOWED["layers"] | {"layers", "metrics", "model_card"}
ALLOWED["trained"] = ALLOWED["models"] | {"models", "data"}
ALLOWED["training"] = set()
ALLOWED["callbacks"] = ALLOWED["trained"] | {"trained"}
# "": it also uses the package as users do, `import keras_spa as spa`.
ALLOWED["cli"] = ALLOWED["callbacks"] | {"callbacks", "training", ""}
PARTS = sorted(
    path.name.removesuffix(".py")
    for path in (ROOT / "keras_spa").glob("[!_]*")
    if path.suffix in ("", ".py")
)
# Reporting reads results and names: it neither trains nor starts devices.
READ_BY_REPORTING = ("config", "names", "registry", "storage", "command_line", "task")
OUTSIDE = [
    path
    for folder in ("tests", "recipes", "benchmarks", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
CODE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")})


def is_for_types(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imported(node):
    """Dotted names of what is imported below a node, but for annotations alone."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    parts = node.orelse if is_for_types(node) else ast.iter_child_nodes(node)
    for part in parts:
        yield from imported(part)


def imports_of(path):
    return set(imported(ast.parse(path.read_text())))


def modules(package):
    """`{dotted name: path}`, seen from the folder in which the package lies."""
    names = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = path
    return names


def graph(*packages):
    """`{module: modules it imports}`; `from a import b` is of module a.b, or of a."""
    files = {
        name: path for package in packages for name, path in modules(package).items()
    }
    edges = {}
    for name, path in files.items():
        targets = {
            dotted if dotted in files else dotted.rpartition(".")[0]
            for dotted in imports_of(path)
        }
        edges[name] = {target for target in targets if target in files} - {name}
    return edges


def part_of(dotted):
    return dotted.split(".")[1]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_package_imports_what_lies_below_it(part):
    allowed = COMMON | {part} | ALLOWED.get(part, set())
    for module, targets in graph(ROOT / "keras_spa").items():
        if module != "keras_spa" and part_of(module) == part:
            assert {part_of(f"{target}.") for target in targets} <= allowed, module


@pytest.mark.parametrize(
    "packages", [["keras_spa"], ["recipes/engine", "recipes/reporting"]]
)
def test_there_is_no_circle(packages):
    edges = graph(*(ROOT / package for package in packages))
    assert any(edges.values())
    graphlib.TopologicalSorter(edges).prepare()  # raises CycleError


def test_reporting_reads_and_does_not_train():
    edges = graph(ROOT / "recipes" / "engine", ROOT / "recipes" / "reporting")
    for module, targets in edges.items():
        of_engine = {part_of(t) for t in targets if t.startswith("engine.")}
        if module.startswith("reporting"):
            assert of_engine <= set(READ_BY_REPORTING), module


def test_the_engine_reads_no_flags():
    for path in (ROOT / "recipes" / "engine").rglob("*.py"):
        assert "FLAGS" not in path.read_text(), path


def is_private(dotted):
    """Whether a name of keras_spa leads through an underscored one."""
    first, *rest = dotted.split(".")
    names = [name for name in rest if not name.startswith("__")]
    return first in ("keras_spa", "spa") and any(n.startswith("_") for n in names)


def test_nothing_private_is_imported_from_outside():
    for path in OUTSIDE:
        assert not list(filter(is_private, imports_of(path))), path


def test_no_document_imports_anything_private():
    for path in DOCUMENTS:
        for code in CODE.findall(path.read_text()):
            assert not list(filter(is_private, imported(ast.parse(code)))), path


@pytest.mark.parametrize(
    ("source", "private"),
    [
        ("from keras_spa import _checks", True),
        ("import keras_spa.models._export", True),
        ("from keras_spa.models._surgery.split import split", True),
        ("from keras_spa.theory import error_exponent", False),
        ("from keras_spa import __version__", False),
    ],
)
def test_private_imports_are_noticed(source, private):
    assert any(map(is_private, imported(ast.parse(source)))) == private
