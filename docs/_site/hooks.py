"""Takes the project's own pages into the site, and mends links that leave docs/.

In the repository a page links to files as they lie there. On the site the pages below
are under project/, the README is the home page, and any other file is named in plain
text, because the site does not hold it. A page of the reference names a module; what is
named as the file that defines it hides behind that file and is added here.
"""

import ast
import os
import pathlib
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[2]
PAGES = {
    "BUILD_NOTES.md": "project/build_notes.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "recipes/README.md": "project/recipes.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
ON_SITE = {**PAGES, "README.md": "index.md"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)]*)?\)")
ENTRY = """
::: {}
    options:
      show_root_heading: true
      show_root_toc_entry: true
"""


def on_files(files, config):
    for path, page in PAGES.items():
        text = (ROOT / path).read_text()
        files.append(File.generated(config, page, content=text))
    return files


def hidden(module):
    """Public names of a package that are also names of its files."""
    folder = ROOT / module.replace(".", "/")
    if not folder.is_dir():
        return []
    for node in ast.parse((folder / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            names = ast.literal_eval(node.value)
            return [name for name in names if (folder / f"{name}.py").exists()]
    return []


def on_page_markdown(markdown, page, **_):
    """The page's text, its links as the site needs them, with all public names."""
    for module in re.findall(r"^::: (\S+)$", markdown, re.MULTILINE):
        for name in hidden(module):
            markdown += ENTRY.format(f"{module}.{name}.{name}")
    origin = {page: path for path, page in PAGES.items()}
    here = page.file.src_uri
    folder = os.path.dirname(origin.get(here, f"docs/{here}"))

    def mended(match):
        image, text, target, anchor = match.groups()
        path = os.path.normpath(os.path.join(folder, target))
        inside = path.removeprefix("docs/") if path.startswith("docs/") else None
        goal = ON_SITE.get(path, inside)
        if goal is None:
            return text
        stem, ending = os.path.splitext(goal)
        if ending == ".ipynb" and here != f"{stem}.md":  # which notebooks.py makes
            goal = f"{stem}.md"
        relative = os.path.relpath(goal, os.path.dirname(here) or ".")
        return f"{image}[{text}]({relative}{anchor or ''})"

    return LINK.sub(mended, markdown)
