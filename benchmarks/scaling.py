"""What alignment adds to a training step as the number of classes K grows.

The head alone, features given: d = 512, batches of 256, SGD with momentum. For each K,
in a process of its own, a plain Keras head, a SpAModel that only tracks its class
means, and each alignment take turns with the memory itself: one pass over arrays of
(K, d), the sum of two. What a variant adds is its time less the plain head's, round by
round, shown with its ratio to the plain head's time and in passes. Peak resident memory
is that of another process for each variant, less that of one which only imports, at the
largest K. The slope is that of log(added) over log(K) between the two largest K (1 is
linear).

`--within_class` takes the default forms as well, in the metric of the noise, where each
step multiplies and solves by (d, d) matrices. `--resnet` compares with a training step
of ResNet-50 (224x224, batch 256) on the same cores: the time of 8 images less that of
4, by which the cost of a step whatever its batch cancels out, times 64.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --classes=10,100,1000 --rounds=3
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
_RESNET = flags.DEFINE_bool("resnet", False, "Compare with a step of ResNet-50.")
_WITHIN = flags.DEFINE_bool("within_class", False, "The default forms as well.")

logging.getLogger("tensorflow").setLevel("ERROR")  # takes many models for retracing
FEATURES, BATCH = 512, 256
PASS = "one pass over (K, d)"


def chosen(within_class):
    """Names of the variants that take turns."""
    paper = [n for n in variants() if n.endswith("paper")]
    apart = [PLAIN, "SpAModel, no alignment"]
    return list(variants()) if within_class else apart + paper


def head(name, num_classes):
    """A training step, ready to run."""
    backbone = keras.Sequential([keras.Input((FEATURES,)), keras.layers.ReLU()])
    model = make_model(backbone, num_classes, variants()[name])
    random = np.random.RandomState(0)
    x = random.rand(BATCH, FEATURES).astype("float32")
    y = random.randint(num_classes, size=BATCH)
    return functools.partial(model.train_on_batch, x, y)


def memory_pass(num_classes):
    """A function that adds two arrays (K, d), the least that an alignment may do."""
    a, b = keras.ops.ones((2, num_classes, FEATURES))

    def add():
        return keras.ops.convert_to_numpy(keras.ops.add(a, b)[0, :1])

    return add


def times(num_classes, rounds, seconds, within_class):
    """Seconds a step of each variant in each round."""
    steps = {name: head(name, num_classes) for name in chosen(within_class)}
    steps[PASS] = memory_pass(num_classes)
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


def print_growth(title, rows):
    """A table {name: {K: (value, note)}}; the last two K give the slope."""
    classes = list(next(iter(rows.values())))
    cells = [[title, *(f"K = {k:,}" for k in classes), "slope"]]
    for name, by_k in rows.items():
        ends = [(k, by_k[k][0]) for k in classes[-2:]]
        (k0, v0), (k1, v1) = ends[0], ends[-1]
        grows = len(ends) == 2 and 0 < v0 < v1
        rise = f"{math.log(v1 / v0) / math.log(k1 / k0):.2f}" if grows else "-"
        cells.append([name, *(f"{v:,.2f}{note}" for v, note in by_k.values()), rise])
    harness.print_table(cells)


def print_peaks(used, num_classes):
    rows = [[f"peak at K = {num_classes:,}", "MiB", "over the plain head's"]]
    for name, mebibytes in used.items():
        rows.append([name, f"{mebibytes:,.0f}", f"{mebibytes / used[PLAIN]:.2f}"])
    harness.print_table(rows)


def main():
    rounds, seconds, within = flags.FLAGS.rounds, _SECONDS.value, _WITHIN.value
    print(
        f"Keras {keras.__version__} on {keras.backend.backend()}, {os.cpu_count()} "
        f"cores, d = {FEATURES}, batch {BATCH}\n"
    )
    classes = [int(k) for k in _CLASSES.value]
    names = [*chosen(within), PASS]
    added, passes = {name: {} for name in names}, {name: {} for name in names[1:-1]}
    measured = {k: run_apart(times, k, rounds, seconds, within) for k in classes}
    for k, by_name in measured.items():
        plain, floor = by_name[PLAIN], by_name[PASS]
        for name, each in by_name.items():
            over = statistics.median(a / b for a, b in zip(each, plain, strict=True))
            alone = name in (PLAIN, PASS)
            extra = each if alone else differences(each, plain)
            note = "" if alone else f" ({over - 1:.2f})"
            added[name][k] = 1e3 * statistics.median(extra), note
            if not alone:
                in_passes = [a / b for a, b in zip(extra, floor, strict=True)]
                passes[name][k] = statistics.median(in_passes), ""
    print_growth("ms a step; added (over the plain head)", added)
    print_growth("added, in passes", passes)
    idle = run_apart(memory, 0, None)
    used = {name: run_apart(memory, classes[-1], name) - idle for name in names[:-1]}
    print_peaks(used, classes[-1])
    if _RESNET.value:
        resnet = run_apart(resnet_times, rounds, seconds)
        step = 1e3 * statistics.median(differences(resnet[8], resnet[4])) * BATCH / 4
        print(f"ResNet-50, {BATCH} images: {step / 1e3:.1f} s a step. Added to it:\n")
        shares = {
            name: {k: (100 * added[name][k][0] / step, " %") for k in classes}
            for name in names[1:-1]
        }
        print_growth("share of the step", shares)
    harness.save({"seconds": measured, "mebibytes": used})


if __name__ == "__main__":
    harness.run(main, classes=["10", "100"], rounds=1, seconds=0.05)
