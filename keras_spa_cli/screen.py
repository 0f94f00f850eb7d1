"""What libraries log as they start, kept off the screen."""

import contextlib
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[list[bytes]]:
    """Keeps what is written to stderr below Python's streams from the screen.

    TensorFlow writes some lines before it looks at its log level. At the end they are
    in the list. Where stderr is closed (`2>&-`) there is nothing to keep.
    """
    logged: list[bytes] = []
    if sys.__stderr__ is None:
        yield logged
        return
    _flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield logged
        finally:
            _flush()
            os.dup2(screen, 2)
            os.close(screen)
            file.seek(0)
            logged.append(file.read())


def leave(log: pathlib.Path) -> None:
    """Sends all that this process writes to stderr to a file, from now on."""
    _flush()
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
