"""What diagnosing and aligning a trained classifier takes with its images and classes.

A classifier alone on features that are made batch by batch: d = 512, batches of 256,
each pair of N images and K classes in a process of its own. First N grows at the
largest K, then K grows at the smallest N. Beside the seconds, those of the processor
count: on a busy machine they are what the work takes. Peak resident memory is that of
the process, less that of one which makes the model and looks at one batch.

The slopes are those of log(processor seconds) over log(N) and log(K), between the last
two: 1 is linear. Nothing as large as N x d is kept beyond the 1 GiB of features that
`diagnose` looks at twice.

    python benchmarks/scale.py
    python benchmarks/scale.py --images=10000,30000 --classes=100,1000
"""

import concurrent.futures
import math
import multiprocessing
import os
import resource
import time

import harness
import numpy as np
from absl import flags

keras, spa = map(harness.Later, ("keras", "keras_spa"))
_IMAGES = flags.DEFINE_list("images", ["100000", "300000", "1000000"], "N, growing.")
_CLASSES = flags.DEFINE_list("classes", ["100", "1000", "10000"], "K, growing.")
FEATURES, BATCH = 512, 256
MEASURED = ("diagnose", "align")


def made_on_the_fly(images, classes):
    """Batches of features about random class means, labels in turns; and the means."""
    means = np.random.RandomState(0).randn(classes, FEATURES).astype("float32")

    class Features(keras.utils.PyDataset):
        def __len__(self):
            return -(-images // BATCH)

        def __getitem__(self, index):
            labels = np.arange(BATCH * index, min(BATCH * (index + 1), images))
            labels %= classes
            shape = len(labels), FEATURES
            noise = np.random.default_rng(index).standard_normal(shape, "float32")
            return means[labels] + 3 * noise, labels

    return Features(), means


def measure(name, images, classes):
    """Seconds, processor seconds and peak MiB; without a name, of one batch."""
    data, means = made_on_the_fly(images, classes)
    model = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(classes)])
    model.layers[0].set_weights([means.T / FEATURES, np.zeros(classes)])
    model.predict(data[0][0], verbose=0)
    started, worked = time.perf_counter(), time.process_time()
    if name is not None:
        getattr(spa, name)(model, data, verbose=int(os.isatty(1)))
    spent = time.perf_counter() - started, time.process_time() - worked
    return *spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_apart(*arguments):
    """What `measure` gives in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, fresh) as pool:
        return pool.submit(measure, *arguments).result()


def slope(points):
    """Of log(processor seconds) over log(size) between the last two points."""
    if len(points) < 2:
        return ""
    (size, before), (larger, after) = points[-2:]
    return f"{math.log(after / before) / math.log(larger / size):.2f}"


def main():
    images, classes = ([int(n) for n in f.value] for f in (_IMAGES, _CLASSES))
    of_images = [(n, classes[-1]) for n in images]
    of_classes = [(images[0], k) for k in classes]
    measured = {name: {} for name in MEASURED}
    for n, k in sorted({*of_images, *of_classes}):
        idle = run_apart(None, n, k)[2]
        for name in MEASURED:
            seconds, worked, peak = run_apart(name, n, k)
            measured[name][n, k] = seconds, worked, peak - idle
            print(f"{name}, N = {n:,}, K = {k:,}: {seconds:.1f} s", flush=True)
    rows = [["", "N", "K", "seconds", "of the processor", "µs an image", "peak MiB"]]
    slopes = [["slope of the processor's seconds", *MEASURED]]
    for name, found in measured.items():
        for (n, k), (seconds, worked, peak) in found.items():
            numbers = f"{seconds:.1f}", f"{worked:.1f}", f"{1e6 * worked / n:.0f}"
            rows.append([name, f"{n:,}", f"{k:,}", *numbers, f"{peak:,.0f}"])
    for title, pairs, place in (
        (f"with N, at K = {classes[-1]:,}", of_images, 0),
        (f"with K, at N = {images[0]:,}", of_classes, 1),
    ):
        ends = [
            slope([(pair[place], measured[name][pair][1]) for pair in pairs])
            for name in MEASURED
        ]
        slopes.append([title, *ends])
    harness.print_table(rows)
    harness.print_table(slopes)
    numbers = {
        name: [[n, k, *values] for (n, k), values in found.items()]
        for name, found in measured.items()
    }
    harness.save({"images_classes_seconds_processor_mebibytes": numbers})


if __name__ == "__main__":
    harness.run(main, images=["1000", "2000"], classes=["10", "100"])
