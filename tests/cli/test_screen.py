"""What is kept off the screen, in processes of their own: descriptors are theirs."""

import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        os.name != "posix", reason="closes stderr as a POSIX shell does"
    ),
]

KEPT = """
import os, sys
from keras_spa_cli.screen import quiet
try:
    with quiet() as said:
        os.write(2, b"a library; ")
        print("a warning", file=sys.stderr)
        raise ValueError
except ValueError:
    print(said)
print("on the screen", file=sys.stderr)
"""
CLOSED = """
import pathlib, sys
from keras_spa_cli.screen import leave, quiet
with quiet() as said:
    pass
print(said)
leave(pathlib.Path(sys.argv[1]))
"""


def test_what_was_said_is_kept_and_the_screen_comes_back_after_an_error():
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True)
    assert done.stdout == f"{[b'a library; a warning' + os.linesep.encode()]}\n"
    assert done.stderr == "on the screen\n"


def test_without_stderr_there_is_nothing_to_keep(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLOSED, tmp_path / "log.txt"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.close(2),
    )
    assert (done.returncode, done.stdout) == (0, "[]\n")
