"""The notebooks in docs/ are kept without outputs and run; what they say comes true."""

import pathlib
import re

import nbclient
import nbformat
import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
FEW = re.compile(r"^(\w+)(?: +[\d.]+){3} +([\d.]+)$", re.MULTILINE)  # last of a row


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_kept_without_outputs(path):
    for cell in read(path).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The cells of own_data.ipynb, run where there is no repository."""
    notebook = read(FOLDER / "own_data.ipynb")
    folder = tmp_path_factory.mktemp("notebook")
    nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    assert not list(folder.iterdir())  # all is written into a folder of its own
    return notebook.cells


def printed(cells, code):
    """What the one cell that contains `code` prints and shows, as text."""
    (cell,) = [cell for cell in cells if code in cell.source and "outputs" in cell]
    texts = [
        output.get("text") or output.data["text/plain"]
        for output in cell.outputs
        if output.get("name") != "stderr"
    ]
    return "\n".join(texts)


@pytest.mark.long
@pytest.mark.process
def test_own_data_shows_three_pictures(cells):
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3


@pytest.mark.long
@pytest.mark.process
def test_cross_entropy_gains_from_alignment_what_balanced_softmax_has(cells):
    balanced = dict(FEW.findall(printed(cells, "show(balanced_softmax=")))
    plain = dict(FEW.findall(printed(cells, "show(cross_entropy=")))
    assert float(plain["aligned"]) > float(plain["cross_entropy"]) + 5
    assert float(balanced["balanced_softmax"]) > float(plain["cross_entropy"]) + 5
    assert float(balanced["aligned"]) > float(balanced["balanced_softmax"]) - 5


@pytest.mark.long
@pytest.mark.process
def test_the_files_predict_what_the_model_does(cells):
    said = printed(cells, "keras.saving.load_model")
    assert said.splitlines() == [
        "digits.keras: the same predictions",
        "exported: the same predictions",
    ]
    assert "108" in printed(cells, 'ModelCard.read("exported")')


@pytest.mark.long
@pytest.mark.process
def test_the_command_leaves_what_the_last_cell_looks_for(cells):
    assert "wrote keras-spa-runs/1/report.html" in printed(cells, "-m keras_spa train")
    *files, names_are_the_same = printed(cells, "run = pathlib.Path(").split()
    assert {"model.keras", "aligned.keras", "report.html"} <= set(files)
    assert names_are_the_same == "True"
