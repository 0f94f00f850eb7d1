"""What alignment adds to a training step as the number of classes K grows.

The head alone, features given: d = 512, batches of 256, SGD with momentum. For each K,
in a process of its own, a plain Keras head, a SpAModel that only tracks its class
means, and each alignment take turns; what one adds is its time less the plain head's,
round by round. Peak resident memory is that of another process for each variant, less
that of one which only imports. Below each table: the slope of log(added) over log(K)
between the two largest K (1 is linear), and what 1,000 classes add there.

Last, a training step of ResNet-50 (224x224, batch 256) on the same cores, and the share
of it that the alignments add. Its time is that of 8 images less that of 4, by which the
cost of a step whatever its batch cancels out, times 64.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --classes=10,100,1000 --rounds=3 --noresnet
"""

import concurrent.futures
import functools
import logging
import math
import multiprocessing
import os
import resource
import statistics
import time

import harness
import numpy as np
from absl import flags
from alignment_overhead import PLAIN, make_model, variants

keras = harness.Later("keras")
_CLASSES = flags.DEFINE_list("classes", ["10", "100", "1000", "10000", "100000"], "K.")
_SECONDS = flags.DEFINE_float("seconds", 0.5, "Seconds a variant and round, about.", 0)
_RESNET = flags.DEFINE_bool("resnet", True, "Compare with a step of ResNet-50.")

logging.getLogger("tensorflow").setLevel("ERROR")  # takes many models for retracing
FEATURES, BATCH = 512, 256


def head(name, num_classes):
    """A training step, ready to run."""
    backbone = keras.Sequential([keras.Input((FEATURES,)), keras.layers.ReLU()])
    model = make_model(backbone, num_classes, variants()[name])
    random = np.random.RandomState(0)
    x = random.rand(BATCH, FEATURES).astype("float32")
    y = random.randint(num_classes, size=BATCH)
    return functools.partial(model.train_on_batch, x, y)


def times(num_classes, rounds, seconds):
    """Seconds a step of each variant in each round."""
    steps = {name: head(name, num_classes) for name in variants()}
    return _time_in_turns(steps, rounds, seconds)


def memory(num_classes, name):
    """Peak resident memory in MiB after three steps; without a name, of no step."""
    if name is not None:
        step = head(name, num_classes)
        for _ in range(3):
            step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resnet_times(rounds, seconds):
    """Seconds a step of ResNet-50 with 4 and with 8 images, in each round."""
    steps = {}
    for batch in (4, 8):
        model = keras.applications.ResNet50(weights=None, classifier_activation=None)
        model.compile(
            keras.optimizers.SGD(0.1, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        x = np.random.RandomState(0).rand(batch, 224, 224, 3).astype("float32")
        steps[batch] = functools.partial(model.train_on_batch, x, np.arange(batch))
    return _time_in_turns(steps, rounds, seconds)


def _time_in_turns(steps, rounds, seconds):
    first = next(iter(steps.values()))
    first()  # compiles
    started = time.perf_counter()
    first()
    repeats = max(1, round(seconds / (time.perf_counter() - started)))
    return harness.time_in_turns(steps, rounds, repeats)


def run_apart(function, *arguments):
    """The function's result in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, fresh) as pool:
        return pool.submit(function, *arguments).result()


def differences(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


def print_growth(title, rows, unit):
    """A table {name: {K: (value, note)}}; the last two K give slope and cost."""
    classes = list(next(iter(rows.values())))
    slope = "slope" if len(classes) > 1 else ""
    cells = [[title, *(f"K = {k:,}" for k in classes), slope, f"{unit} per 1,000"]]
    for name, by_k in rows.items():
        ends = [(k, by_k[k][0]) for k in classes[-2:]]
        (k0, v0), (k1, v1) = ends[0], ends[-1]
        grows = len(ends) == 2 and 0 < v0 < v1
        rise = math.log(v1 / v0) / math.log(k1 / k0) if grows else math.nan
        per_thousand = 1000 * (v1 - v0) / (k1 - k0) if len(ends) == 2 else math.nan
        shown = [f"{value:,.2f}{note}" for value, note in by_k.values()]
        cells.append([name, *shown, f"{rise:.2f}", f"{per_thousand:.2f}"])
    harness.print_table(cells)


def _numbers(rows):
    return {
        name: {k: value for k, (value, _) in by_k.items()}
        for name, by_k in rows.items()
    }


def main():
    rounds, seconds = flags.FLAGS.rounds, _SECONDS.value
    print(
        f"Keras {keras.__version__} on {keras.backend.backend()}, {os.cpu_count()} "
        f"cores, d = {FEATURES}, batch {BATCH}\n"
    )
    classes = [int(k) for k in _CLASSES.value]
    idle = run_apart(memory, 0, None)
    added, used = {name: {} for name in variants()}, {name: {} for name in variants()}
    for k in classes:
        measured = run_apart(times, k, rounds, seconds)
        plain = measured[PLAIN]
        for name, each in measured.items():
            over = statistics.median(a / b for a, b in zip(each, plain, strict=True))
            extra = each if name == PLAIN else differences(each, plain)
            added[name][k] = 1e3 * statistics.median(extra), f" ({over:.2f})"
            used[name][k] = run_apart(memory, k, name) - idle, ""
    print_growth("ms; added to it (ratio)", added, "ms")
    print_growth("MiB at the peak", used, "MiB")
    if _RESNET.value:
        resnet = run_apart(resnet_times, rounds, seconds)
        step = 1e3 * statistics.median(differences(resnet[8], resnet[4])) * BATCH / 4
        print(f"ResNet-50, {BATCH} images: {step / 1e3:.1f} s a step. Added to it:\n")
        shares = {
            name: {k: (100 * value / step, " %") for k, (value, _) in by_k.items()}
            for name, by_k in added.items()
            if name != PLAIN
        }
        print_growth("share of the step", shares, "%")
    harness.save({"milliseconds": _numbers(added), "mebibytes": _numbers(used)})


if __name__ == "__main__":
    harness.run(main, classes=["10", "100"], rounds=1, seconds=0.05, resnet=False)
