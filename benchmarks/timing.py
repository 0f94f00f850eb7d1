"""Timings of variants that take turns, so that a drifting machine drifts for all."""

import statistics
import time


def interleaved(variants, rounds, steps, warm_up=2):
    """Seconds a step of each variant in each round, as `{name: [seconds]}`.

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
        print(f"\rround {done} of {rounds}", end="", flush=True)
    print("\r", end="")
    return times


def print_table(times, title, baseline):
    """Median of each variant, and of its ratios to the baseline round by round."""
    width = max(len(title), *map(len, times))
    over = f"over {baseline} (min, max)"
    print(f"| {title:{width}} | median ms | {over} |")
    print(f"|{'-' * (width + 2)}|-----------|{'-' * (len(over) + 2)}|")
    for name, each in times.items():
        ratios = [a / b for a, b in zip(each, times[baseline], strict=True)]
        spread = f"({min(ratios):.3f}, {max(ratios):.3f})"
        ratio = f"{statistics.median(ratios):.3f} {spread}"
        median = 1e3 * statistics.median(each)
        print(f"| {name:{width}} | {median:9.3f} | {ratio:{len(over)}} |")
    print()
