"""Writes recipes/README.md, and tables and numbers in the other documents.

    python recipes/table.py

Everything comes from the flagfiles and from the result files in recipes/results.
recipes/README.md is generated whole; in the other documents it is what stands between
markers, which `reporting/documents.py` explains.
"""

import argparse

from engine.command_line import refuse
from keras_spa_cli.screen import quiet


def main() -> None:
    """Regenerates all documents and names those that changed."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with quiet():  # Keras takes seconds
        from reporting import documents
    try:
        changed = documents.regenerate()
    except (ValueError, OSError) as error:
        refuse(error)
    for path in changed:
        print(path.relative_to(documents.ROOT))


if __name__ == "__main__":
    main()
