"""The job that a recipe starts: runs, one after the other or side by side, and tables.

A recipe is a `Task` (data and network) and defaults of flags; `main` does the rest.
"""

import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from absl import app, flags
from reporting import summary

import engine  # noqa: F401
import keras_spa as spa
from engine import config, cores, devices, signals, storage

FLAGS = flags.FLAGS


@dataclasses.dataclass(frozen=True)
class Task:
    """What a recipe trains on and with.

    Args:
        title: Name of the data set in tables.
        load: Function of a seed that gives a `keras_spa.data.LongTailedData`.
        backbone: Function that gives a Keras model from uint8 images to features.
        num_features: Function that gives d.
        num_classes: K.
        defaults: Values of flags where the recipe's differ from the usual ones.
    """

    title: str
    load: Callable
    backbone: Callable
    num_features: Callable
    num_classes: int
    defaults: dict = dataclasses.field(default_factory=dict)


def main(task):
    """Runs the job that the command line describes."""
    signals.listen(signals.leave_job)
    app.run(
        lambda _: job(task),
        flags_parser=lambda args: config.parse_and_check(args, task),
    )


def job(task):
    """Trains what the parsed flags ask for; leaves results, table and picture."""
    seeds = [int(seed) for seed in FLAGS.seeds]
    if FLAGS.smoke:
        seeds, FLAGS.epochs, FLAGS.verbose = seeds[:1], 1, False
    output = pathlib.Path(FLAGS.output_dir)
    runs = [(*pair, seed) for seed in seeds for pair in config.configurations()]
    try:
        found = {run: _earlier(output, run) for run in runs}
        data = task.load(seeds[0])
        _check_writable(output)
    except (ValueError, OSError) as error:
        config.refuse(" ".join(str(error).split()))
    output = devices.where_to_write(output)
    counts = data.class_counts
    print(
        f"{task.title}: {len(runs)} runs of {FLAGS.epochs} epochs over {counts.sum()} "
        f"images, {counts.max()} to {counts.min()} a class; results go to {output}",
        flush=True,
    )
    missing = [run for run in runs if found[run] is None]
    for run in set(runs) - set(missing):  # left by a job killed just before
        _discard_checkpoints(output, run)
    started = time.perf_counter()
    try:
        for done, (run, result) in enumerate(_train_all(task, missing, output), 1):
            result["flags"] = config.of_run()
            found[run] = result
            storage.write_result(_path(output, run), result)
            if FLAGS.export_dir:  # where evaluate.py looks for it
                storage.write_result(_beside_export(output, run), result)
            _discard_checkpoints(output, run)
            left = (time.perf_counter() - started) / done * (len(missing) - done)
            _print_run(f"[{done:2}/{len(missing)}]", result, f", {left:.0f} s left")
    except KeyboardInterrupt:
        _stop("Stopped", found, output, 130)
    except signals.Preempted as stopped:
        _stop(stopped, found, output, stopped.code)
    except signals.Stopped as stopped:
        config.refuse(stopped, stopped.code)
    except OSError as error:
        config.refuse(error)
    if len(missing) < len(runs):
        print(f"{len(runs) - len(missing)} results were already in {output / 'runs'}")
    _report(list(found.values()), output)


def _stop(why, found, output, code):
    print(f"\n{why}. The same command goes on from here.", flush=True)
    _report([result for result in found.values() if result], output)
    sys.exit(code)


def _check_writable(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _print_run(number, result, left):
    print(
        f"{number} {result['method']} + {result['alignment']}, seed {result['seed']}: "
        f"accuracy {result['accuracy']['all']:.1f} %, cosine {result['cosine']:.2f} "
        f"({result['wall_time_s']:.1f} s{left})",
        flush=True,
    )


def _report(found, output):
    if found:
        table = summary.table(found)
        storage.write_atomically(output / "table.md", table)
        summary.picture(found, output / "picture.png")
        print(f"\n{table}\nPicture: {output / 'picture.png'}")


def _path(output, run):
    method, alignment, seed = run
    factor = f"if{FLAGS.imbalance_factor:g}"
    return output / "runs" / f"{method}-{alignment}-{factor}-seed{seed}.json"


def _beside_export(output, run):
    return pathlib.Path(FLAGS.export_dir, _path(output, run).name)


def _earlier(output, run):
    """The result of the same run from an earlier job, None if there is none."""
    path, begun = _path(output, run), _checkpoints(output, run) / "settings.json"
    result = json.loads(path.read_text()) if path.exists() else None
    if result:
        _compare(path, result.get("flags", {}))
    if FLAGS.export_dir:
        exported = _beside_export(output, run)
        if exported.exists():
            _compare(exported, json.loads(exported.read_text())["flags"])
        else:  # trained without --export_dir: its model is not there any more
            result = None
    if begun.exists() and FLAGS.resume:
        _compare(begun.parent, json.loads(begun.read_text()))
    return result if FLAGS.resume else None


def _compare(path, then):
    now = config.of_run()
    if now != then:
        name = next(n for n in {**now, **then} if now.get(n) != then.get(n))
        raise ValueError(
            f"{path} is of another configuration: {name} is {then.get(name)} there "
            f"and {now.get(name)} here. Choose another folder"
        )


def _checkpoints(output, run):
    return output / "checkpoints" / _path(output, run).stem


def _discard_checkpoints(output, run):
    shutil.rmtree(_checkpoints(output, run), ignore_errors=True)


def _train_all(task, runs, output):
    """(run, result) of all runs, in their order, each as soon as it is there."""
    jobs = [(task, run, output) for run in runs]
    if FLAGS.jobs == 1 or FLAGS.smoke or len(runs) < 2 or FLAGS.strategy != "none":
        yield from map(_train, jobs)
        return
    os.environ.update(cores.share(FLAGS.jobs))  # which the new processes inherit
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        FLAGS.jobs, fresh, initializer=_begin_worker, initargs=(sys.argv, task)
    ) as pool:
        try:
            yield from pool.map(_train, jobs)
        except concurrent.futures.BrokenExecutor as error:
            raise signals.Stopped(
                "A worker process died, killed or for lack of memory; the same command "
                "goes on from its last checkpoint"
            ) from error
        except BaseException:
            signals.terminate_children()  # which save, and leave
            raise


def _begin_worker(arguments, task):
    signals.listen(signals.leave_worker)
    signals.end_with_parent()
    sys.argv = arguments
    config.parse_and_check(arguments, task)
    FLAGS.verbose = False  # lines of several runs would mix


def _train(job):
    task, run, output = job
    folder = _checkpoints(output, run)
    storage.write_result(folder / "settings.json", config.of_run())
    try:
        return run, run.train(task, *run, folder)
    except signals.Preempted as stopped:
        if multiprocessing.parent_process() is None:
            raise
        print(f"{folder.name}: {stopped}", flush=True)
        return signals.leave_worker()


def tiny_data(num_classes, image_shape, seed, most=2):
    """A few random images, `most` of class 0 and 1 of the last, for --smoke."""
    random = np.random.RandomState(seed)
    counts = spa.data.long_tail_counts(num_classes, most, most)
    labels = np.repeat(np.arange(num_classes), counts).astype("int32")
    images = random.randint(0, 256, (len(labels), *image_shape)).astype("uint8")
    first = np.unique(labels, return_index=True)[1]
    test = spa.data.Split(images[first], labels[first])
    return spa.data.LongTailedData(
        "random images",
        spa.data.Split(images, labels),
        test,
        test,
        tuple(map(str, range(num_classes))),
    )
