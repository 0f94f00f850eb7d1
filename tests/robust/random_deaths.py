"""Script: `kills|full command|recipe NUMBER SEED FOLDER`, deaths at random moments.

A training is killed, or its disk is full, so many times; after each death all files are
whole and no epoch is lost, and in the end the model is that of a training which nothing
befell. `full` wants FOLDER/disk to be a small disk of its own.
"""

import hashlib
import io
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import small_zoo

ROOT = pathlib.Path(__file__).parents[2]
PATIENCE = 3600  # seconds that a life may take, on processors that others use, too


def command(folder, output):
    zoo = folder / "zoo"
    if not zoo.exists():
        small_zoo.folder(zoo)
    flags = ("--depth=8", "--batch_size=4", "--epochs=8", "--patience=0")
    return ["-m", "keras_spa", "train", str(zoo), *flags, f"--output={output}"]


def recipe(folder, output):
    flags = ("--method=ce", "--alignment=spa_slerp_noise", "--seed=0", "--epochs=8")
    script = ROOT / "recipes" / "digits_lt.py"
    places = f"--output_dir={output}", f"--export_dir={output}"
    return [str(script), *flags, *places]


def live(arguments, log, seconds):
    """A life's exit code; it is killed after so many seconds, unless it ends before."""
    with open(log, "w") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=file, stderr=subprocess.STDOUT
        )
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return process.wait()


def finish(arguments, log):
    """Runs a life to its end; its exit code."""
    return live(arguments, log, PATIENCE)


def reached(output):
    """Epochs in the last checkpoint; without end once the training has ended."""
    if list(output.glob("**/report.html")) or list(output.glob("runs/*.json")):
        return float("inf")
    names = [path.name for path in output.glob("**/epoch-*") if path.is_dir()]
    return max((int(name.split("-")[1]) for name in names), default=0)


def written(output, pattern="*"):
    """The files that bear their final names; one that a death cut off is hidden."""
    for path in sorted(output.rglob(pattern)):
        hidden = any(part.startswith(".") for part in path.relative_to(output).parts)
        if path.is_file() and not hidden:
            yield path


def check_whole(output):
    for path in written(output):
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".keras":
            assert zipfile.ZipFile(path).testzip() is None, path
        elif path.suffix == ".html":
            assert path.read_text().rstrip().endswith("</html>"), path
        elif path.name == "SHA256":
            for line in path.read_text().splitlines():
                checksum, name = line.split("  ", 1)
                content = (path.parent / name).read_bytes()
                assert hashlib.sha256(content).hexdigest() == checksum, path


def weights(output):
    """All numbers of the models that a training left, by file and name."""
    numbers = {}
    for path in written(output, "*.keras"):
        stored = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5"))
        with h5py.File(stored) as file:
            file.visititems(
                lambda name, thing, path=path: (
                    numbers.update({f"{path.name}/{name}": thing[()]})
                    if isinstance(thing, h5py.Dataset) and "optimizer" not in name
                    else None
                )
            )
    assert numbers
    return numbers


def fill(disk, free):
    """Leaves so many bytes free."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    size = shutil.disk_usage(disk).free - free
    with open(ballast, "wb") as file:
        file.write(b"\0" * max(size, 0))
    return ballast


def main(kind, what, number, seed, folder):
    chosen = random.Random(int(seed))
    folder = pathlib.Path(folder)
    make, disk = globals()[what], folder / ("disk" if kind == "full" else ".")
    whole, output, log = folder / "whole", disk / "parts", folder / "log.txt"
    began = time.time()
    assert finish(make(folder, whole), log) == 0, log.read_text()
    lasts = time.time() - began
    needs = sum(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    deaths = 0
    for life in range(20 * int(number)):
        if deaths == int(number):
            break
        if kind == "full" and life == 0:
            fill(disk, 0)  # before anything is written
        before = reached(output) if output.exists() else 0
        if before == float("inf"):  # the next death is in a training of its own
            shutil.rmtree(output)
            before = 0
        if kind == "kills":
            code = live(make(folder, output), log, chosen.uniform(0, lasts))
            died = code == -signal.SIGKILL
        else:
            ballast = fill(disk, round(chosen.uniform(0, 1.5 * needs)))
            code = finish(make(folder, output), log)
            ballast.unlink()
            died = code == 2
            if died:
                assert "No space left" in log.read_text().splitlines()[-1]
                assert "Traceback" not in log.read_text()
        assert died or code == 0, (code, log.read_text())
        deaths += died
        if output.exists():
            check_whole(output)
            assert reached(output) >= before, "an epoch is lost"
    assert finish(make(folder, output), log) == 0, log.read_text()
    check_whole(output)
    expected, found = weights(whole), weights(output)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, 1e-5, 1e-6, err_msg=name)
    print(f"{what}: {deaths} deaths, of which each left whole files")


if __name__ == "__main__":
    main(*sys.argv[1:])
