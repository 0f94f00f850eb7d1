"""Writes recipes/README.md, and tables and numbers in the other documents.

    python recipes/table.py

Everything comes from the flagfiles and from the result files in recipes/results.
recipes/README.md is generated whole; in the other documents it is what stands between
markers, which `reporting/documents.py` explains.
"""

import engine  # noqa: F401 (before Keras: it quiets TensorFlow)
from reporting import documents


def main() -> None:
    """Regenerates all documents and names those that changed."""
    for path in documents.regenerate():
        print(path.relative_to(documents.ROOT))


if __name__ == "__main__":
    main()
