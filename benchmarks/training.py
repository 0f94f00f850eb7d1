"""How many images a second the whole training loop takes, beside a plain PyTorch loop.

ResNet-32 (width 16) for K = 100 classes, batches of 128, crop and flip, SGD with
momentum and weight decay, on generated images. Each backend trains as the recipes do,
with `keras_spa.data.pipeline`, `SpAModel.fit` and its callbacks; beside it is its bare
compiled step, `train_on_batch` on one batch. The plain loop is written in PyTorch
alone: a `DataLoader` that crops and flips image by image, and a loss read at each step,
once with images as PyTorch has them and once channels-last.

Each backend has a process of its own, in which start-up and compilation are over before
anything is timed. All take turns in every round, so that a drifting machine drifts for
all. Beside seconds those of the processor are counted, of all threads and worker
processes: on a busy machine they are what the work takes. Threads of OpenMP sleep while
they wait, which by default they do not: beside others they would wait for long.

The floor is the time of the convolutions' and the head's products, forward and
backward, at the rate of a matrix product on the backend that is fastest at it, in turns
as well.

    python benchmarks/training.py
"""

import multiprocessing
import os
import statistics

import harness
from absl import flags
from training_sides import (
    BATCH,
    CLASSES,
    LOOP,
    PLAIN,
    PLAIN_LAST,
    PRODUCT,
    PRODUCT_SIZE,
    PRODUCTS,
    SIDE,
    STEP,
    WIDTH,
    serve_ours,
    serve_plain,
)

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds; the median is printed.", 1)
_STEPS = flags.DEFINE_integer("steps", 20, "Steps a side and round: its epoch.", 1)
_DEPTH = flags.DEFINE_integer("depth", 32, "Depth of the network.", 8)
_BACKENDS = flags.DEFINE_list(
    "backends", ["tensorflow", "jax", "torch"], "Backends to train on."
)
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
AIM_LOOP, AIM_STEP = 1.2, 0.95


def step_operations(depth):
    """Floating-point operations of a step's convolutions and head, both directions.

    Forward a product; backward one for the weights and one for the inputs, which the
    first layer spares.
    """
    first = 9 * 3 * WIDTH * SIDE**2
    rest, before = 4 * WIDTH * CLASSES, WIDTH
    for stage in range(3):
        channels, pixels = WIDTH * 2**stage, (SIDE >> stage) ** 2
        for _ in range((depth - 2) // 6):
            rest += 9 * (before + channels) * channels * pixels
            before = channels
    return 2 * BATCH * (2 * first + 3 * rest)


def start(target, backend, *arguments):
    """A process of `target`, and the end of its pipe that asks it for turns."""
    os.environ["KERAS_BACKEND"] = backend  # which the new process inherits
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=target, args=(there, *arguments)
    )
    process.start()
    there.close()
    return here, process


def ask(pipe, what):
    pipe.send(what)
    return pipe.recv()


def main():
    depth, steps = _DEPTH.value, _STEPS.value
    pipes, processes, ready = {}, [], {}
    for backend in [*_BACKENDS.value, PLAIN]:  # one after the other: start-up is timed
        if backend == PLAIN:
            pipe, process = start(serve_plain, "torch", depth, steps)
        else:
            pipe, process = start(serve_ours, backend, backend, depth, steps)
        ready[backend] = pipe.recv()
        pipes[backend] = pipe
        processes.append(process)
    sides = [(PLAIN, side) for side in (PLAIN, PLAIN_LAST)]
    ours = LOOP, STEP, PRODUCT
    sides += [(backend, side) for backend in _BACKENDS.value for side in ours]
    measured = {side: [] for side in sides}
    for done in range(1, _ROUNDS.value + 1):
        for side in sides:
            measured[side].append(ask(pipes[side[0]], side[1]))
        print(f"\rround {done} of {_ROUNDS.value}", end="", flush=True)
    print("\r", end="")
    for pipe, process in zip(pipes.values(), processes, strict=True):
        pipe.send(None)
        process.join()
    report(measured, ready, depth, steps)


def report(measured, ready, depth, steps):
    """Prints and saves images a second, and their ratios."""
    operations = step_operations(depth)
    rates = {}  # of each side, in seconds and in those of the processor
    for side, clocks in measured.items():
        work = steps * BATCH
        if side[1] == PRODUCT:  # images whose products take as long
            work = PRODUCTS * 2 * PRODUCT_SIZE**3 / operations * BATCH
        rates[side] = [[work / t for t in each] for each in zip(*clocks, strict=True)]
    products = [(backend, PRODUCT) for backend in _BACKENDS.value]
    floor = max(products, key=lambda side: statistics.median(rates[side][1]))
    names = {(PLAIN, PLAIN): PLAIN, (PLAIN, PLAIN_LAST): PLAIN_LAST}
    for backend in _BACKENDS.value:
        name = f"ours, {NAMES[backend]} {ready[backend][0]}"
        names |= {(backend, LOOP): name, (backend, STEP): f"{name}, its bare step"}
    names[floor] = f"floor, products of {NAMES[floor[0]]}"
    title = "images a second", "over plain PyTorch, channels-last (min, max)"
    title = *title, "over its bare step", "over the floor", "start-up, s"
    rows = [["", *title]]
    of_processor = [["", "images a second of the processor", *title[1:-1]]]
    for side, name in names.items():
        startup = "" if side[1] in (STEP, PRODUCT) else f"{ready[side[0]][1]:.0f}"
        rows.append([name, *compared(side, rates, 0, floor), startup])
        of_processor.append([name, *compared(side, rates, 1, floor)])
    harness.print_table(rows)
    print()
    harness.print_table(of_processor)
    product = statistics.median(rates[floor][0]) * operations / BATCH / 1e9
    print(
        f"\nAims: {AIM_LOOP} over plain PyTorch on the best backend, {AIM_STEP} over "
        f"the bare step on each. The floor: {operations / 1e9:.1f} GFLOP a step at "
        f"{product:.0f} GFLOP/s."
    )
    harness.save(
        {
            "images_per_second_and_per_second_of_the_processor": {
                ", ".join(side): both for side, both in rates.items()
            },
            "gigaflop_a_step": operations / 1e9,
            "matrix_product_gigaflop_a_second": product,
            "version_and_startup_seconds": ready,
        }
    )


def compared(side, rates, clock, floor):
    """Median rate of a side by one of the clocks, and its ratios to others."""
    each = rates[side][clock]
    step = rates.get((side[0], STEP)) if side[1] == LOOP else None
    return [
        f"{statistics.median(each):,.0f}",
        harness.ratios(each, rates[PLAIN, PLAIN_LAST][clock]),
        harness.ratios(each, step[clock]) if step else "",
        harness.ratios(each, rates[floor][clock]),
    ]


if __name__ == "__main__":
    harness.run(main, rounds=1, steps=2, depth=8)
