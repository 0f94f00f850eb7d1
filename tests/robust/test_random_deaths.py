"""SIGKILLs and full disks at random moments: nothing is lost but the running epoch.

DEATHS=20 makes it twenty of each kind; the printed seed repeats them.
"""

import os
import pathlib
import subprocess
import sys
import time

import keras
import pytest

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = pathlib.Path(__file__).with_name("random_deaths.py")
DEATHS = os.environ.get("DEATHS", "1")
# A small disk that vanishes with the process, for users who are not root, too.
MOUNT = "mkdir -p disk && mount -t tmpfs -o size=40m small disk && exec "
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="start-up costs minutes"
    ),
]


def die(kind, what, folder):
    seed = str(time.time_ns() % 2**32)
    print("seed", seed)
    arguments = [sys.executable, str(SCRIPT), kind, what, DEATHS, seed, str(folder)]
    if kind == "full":
        line = MOUNT + " ".join(f"'{argument}'" for argument in arguments)
        arguments = ["unshare", "--map-root-user", "--mount", "sh", "-c", line]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "recipes")])
    return subprocess.run(
        arguments,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )


def can_mount(folder):
    line = MOUNT + "true"
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", line]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.parametrize("what", ["command", "recipe"])
@pytest.mark.parametrize("kind", ["kills", "full"])
def test_nothing_is_lost(kind, what, tmp_path):
    if kind == "full" and not can_mount(tmp_path):
        pytest.skip("no small disk can be mounted here")
    done = die(kind, what, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{what}: {DEATHS} deaths" in done.stdout
