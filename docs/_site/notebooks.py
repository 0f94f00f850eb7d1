"""Runs the notebooks of docs/ and takes them into the site, with what they show.

The repository keeps them without outputs. Each becomes a page of Markdown, so that its
links are checked and mended like those of all others; the notebook itself lies beside
it. What goes to the standard error, such as TensorFlow's greeting, is left out.
"""

import functools
import pathlib
import re
import tempfile

import nbclient
import nbformat
from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

TIMEOUT = 600  # seconds a cell


def on_files(files, config):
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        path = pathlib.PurePosixPath(file.src_uri)
        text, pictures = page(file.content_string, path.stem)
        pages = {path.with_suffix(".md"): f"{text}\n[This notebook]({path.name})\n"}
        for name, content in pictures.items():
            pages[path.parent / name] = content
        for name, content in pages.items():
            files.append(File.generated(config, str(name), content=content))
    return files


@functools.cache  # mkdocs serve comes here at every change
def page(notebook, name):
    """Markdown of a notebook that was run, and its pictures by the path they have."""
    notebook = nbformat.reads(notebook, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        nbclient.NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_name="python3",
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        ).execute()
    titles = iter(tidied(notebook))
    names = {"unique_key": name, "output_files_dir": f"{name}_files"}
    text, resources = MarkdownExporter().from_notebook_node(notebook, names)
    text = re.sub(r"!\[png\]", lambda _: f"![{next(titles)}]", text)
    return text, resources["outputs"]


def tidied(notebook):
    """The titles of the pictures that are shown; headings stand below the cells' own.

    `IPython.display.Image(..., alt=...)` gives a title; other pictures have none.
    """
    titles = []
    for cell in notebook.cells:
        cell.outputs = [o for o in cell.get("outputs", []) if o.get("name") != "stderr"]
        for output in cell.outputs:
            data = output.get("data", {})
            if "text/markdown" in data:
                data["text/markdown"] = re.sub(
                    r"^#", "###", data["text/markdown"], flags=re.MULTILINE
                )
            if "image/png" in data:
                about = output.metadata.get("image/png", {})
                titles.append(about.get("alt", "What the code above draws"))
    return titles
