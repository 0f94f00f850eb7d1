"""What the benchmarks share: timings in turns, their table, the file of results."""

import datetime
import importlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

from absl import app, flags

from keras_spa_cli.environment import set_environment

set_environment(log_level="2")  # before Keras is imported


class Later:
    """A module that is imported when it is first used: --help comes before Keras."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        return getattr(importlib.import_module(self._name), name)


keras, files, markdown = map(Later, ("keras", "keras_spa.files", "keras_spa.markdown"))
_QUICK = flags.DEFINE_bool("quick", False, "Small sizes: to try it, not to measure.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "JSON file for the numbers, with versions, commit and hardware."
)
_NOTE = flags.DEFINE_string(
    "note", "", "A sentence for who reads them, such as: The machine was busy."
)
LEFT_OUT = ("--output", "--note")  # of the command that is kept with the numbers
_tables = []  # printed so far


def run(main, **quick):
    """Reads the flags, and runs `main`; with --quick these are other defaults."""

    def start(_):
        for name, value in quick.items():
            if _QUICK.value and flags.FLAGS[name].using_default_value:
                flags.FLAGS[name].value = value
        main()

    for name in ("quick", "output", "note"):  # which --help shows as well
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[name])
    app.run(start)


def time_in_turns(variants, rounds, steps, warm_up=2):
    """Seconds a step of each variant in each round, as `{name: [seconds]}`.

    All take turns in every round, so that a drifting machine drifts for all.
    `variants` maps names to functions that return when their work is done.
    """
    for step in variants.values():  # compile, and warm up
        for _ in range(warm_up):
            step()
    times = {name: [] for name in variants}
    for done in range(1, rounds + 1):
        for name, step in variants.items():
            started = time.perf_counter()
            for _ in range(steps):
                step()
            times[name].append((time.perf_counter() - started) / steps)
        print(f"\rround {done} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return times


def ratios(times, baseline):
    """Median of the ratios round by round, with the smallest and the largest."""
    each = [a / b for a, b in zip(times, baseline, strict=True)]
    return f"{statistics.median(each):.3f} ({min(each):.3f}, {max(each):.3f})"


def print_table(rows):
    """Prints rows of strings as Markdown, and keeps them for `save`."""
    _tables.append(rows)
    print(markdown.table(rows), flush=True)


def print_times(times, title, baseline):
    """Median of each variant, and of its ratios to the baseline round by round."""
    rows = [[title, "median ms", f"over {baseline} (min, max)"]]
    for name, each in times.items():
        median = f"{1e3 * statistics.median(each):.3f}"
        rows.append([name, median, ratios(each, times[baseline])])
    print_table(rows)


def save(results):
    """Writes the numbers, and the tables printed, to `--output`, if there is one."""
    if _OUTPUT.value is None:
        return
    written = {
        "benchmark": pathlib.Path(sys.argv[0]).stem,
        "arguments": [a for a in sys.argv[1:] if not a.startswith(LEFT_OUT)],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "environment": _environment(),
        "note": _NOTE.value,
        "tables": _tables,
        "results": results,
    }
    files.write_atomically(_OUTPUT.value, json.dumps(written, indent=1) + "\n")


def _environment():
    backend = keras.backend.backend()
    here = pathlib.Path(__file__).parent
    git = ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend: sys.modules[backend].__version__,
        "commit": commit or None,
        "hardware": f"{names[0] if names else platform.machine()}, "
        f"{os.cpu_count()} cores",
    }
