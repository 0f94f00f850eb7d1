"""The job that a recipe starts: runs, one after the other or side by side.

A recipe is a `Task`, data and network; `main` does the rest.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import keras

from engine import command_line, devices, processes, storage
from engine.command_line import JobConfig, refuse
from engine.config import RunConfig
from engine.devices import ONE_DEVICE, Devices
from engine.run import run
from engine.task import Task
from keras_spa.files import write_atomically
from keras_spa.training import signals
from reporting import job_page

SETTINGS = "settings.json"  # of a begun run, in the folder of its checkpoints


def main(task: Task, doc: str | None = None) -> None:
    """Runs the job that the command line describes."""
    signals.listen(signals.leave_job)
    arguments = command_line.arguments_or_help(doc, command_line.job_flags(task))
    try:
        config = command_line.parse(arguments, task)
    except ValueError as error:
        refuse(error)
    run_job(config, task)


def run_job(
    config: JobConfig,
    task: Task,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Trains what is missing; leaves results, table and picture in `output_dir`.

    `callbacks` see every run that is trained in this process.
    """
    shared, first = config.output_dir, config.runs[0]
    try:
        used = devices.start(first)
        results = {one: earlier_result(shared, one) for one in config.runs}
        data = task.load(first)
        for one in config.runs:
            task.check_data(one, data)
        for folder in (shared, first.export_dir, first.tensorboard_dir):
            if folder:
                _check_writable(pathlib.Path(folder))
    except (ValueError, OSError) as error:
        refuse(error)
    output = used.writable(shared)
    counts = data.class_counts
    print(
        f"{task.title}: {len(results)} runs of {first.epochs} epochs over "
        f"{counts.sum()} images, {counts.max()} to {counts.min()} a class; results go "
        f"to {output}",
        flush=True,
    )
    missing = [one for one in config.runs if results[one] is None]
    for one in set(config.runs) - set(missing):  # left by a job killed just before
        _discard(used.writable(checkpoints(shared, one)))
    started = time.perf_counter()
    try:
        for done, (one, result) in enumerate(
            _train_all(config, task, missing, used, callbacks), 1
        ):
            results[one] = result
            storage.write_result(result_path(output, one), result)
            if one.export_dir:  # where evaluate.py looks for it
                storage.write_result(_export_result_path(one), result)
            _discard(used.writable(checkpoints(shared, one)))
            left = (time.perf_counter() - started) / done * (len(missing) - done)
            _print_run(f"[{done:2}/{len(missing)}]", result, left)
    except KeyboardInterrupt:
        _stop("Stopped", results, output, 130)
    except signals.Preempted as stopped:
        _stop(stopped, results, output, stopped.code)
    except signals.Stopped as stopped:
        refuse(stopped, stopped.code)
    except OSError as error:
        refuse(error)
    if len(missing) < len(results):
        there = len(results) - len(missing)
        print(f"{there} results were already in {output / 'runs'}")
    _report([result for result in results.values() if result], output)


def _print_run(number: str, result: dict[str, Any], seconds_left: float) -> None:
    found = result["neural_collapse"].get("noise_cosine")
    noise = "unknown" if found is None else f"{found:.2f}"
    print(
        f"{number} {result['method']} + {result['alignment']}, seed {result['seed']}: "
        f"accuracy {result['accuracy']['all']:.1f} %, cosine {result['cosine']:.2f}, "
        f"in the metric of the noise {noise} "
        f"({result['wall_time_s']:.1f} s, {seconds_left:.0f} s left)",
        flush=True,
    )


def _report(results: list[dict[str, Any]], output: pathlib.Path) -> None:
    if results:
        table = job_page.table(results)
        write_atomically(output / "table.md", table)
        job_page.draw(results, output / "picture.png")
        print(f"\n{table}\nPicture: {output / 'picture.png'}")


def _stop(why: object, results: dict, output: pathlib.Path, code: int) -> NoReturn:
    print(f"\n{why}. The same command goes on from here.", flush=True)
    _report([result for result in results.values() if result], output)
    sys.exit(code)


def _check_writable(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def result_path(output: pathlib.Path, config: RunConfig) -> pathlib.Path:
    return output / "runs" / f"{config.name}.json"


def checkpoints(output: pathlib.Path, config: RunConfig) -> pathlib.Path:
    """The folder of a run's checkpoints."""
    return output / "checkpoints" / config.name


def _export_result_path(config: RunConfig) -> pathlib.Path:
    return pathlib.Path(config.export_dir or "", f"{config.name}.json")


def _discard(folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def earlier_result(output: pathlib.Path, config: RunConfig) -> dict[str, Any] | None:
    """The result of the same run from an earlier job, None if there is none.

    Raises:
        ValueError: there is one, or a begun run, of another configuration.
    """
    path, begun = result_path(output, config), checkpoints(output, config)
    settings = begun / SETTINGS
    result = storage.read_result(path) if path.exists() else None
    if result:
        _check_same(config, path, result["flags"])
    if config.export_dir:
        exported = _export_result_path(config)
        if exported.exists():
            _check_same(config, exported, storage.read_result(exported)["flags"])
        else:  # trained without --export_dir: its model is not there any more
            result = None
    if config.resume and settings.exists():
        _check_same(config, begun, storage.read_object(settings))
    return result if config.resume else None


def _check_same(config: RunConfig, path: pathlib.Path, stored: dict) -> None:
    if name := config.difference(stored):
        raise ValueError(
            f"{path} is of another configuration: {name} is {stored.get(name)} there "
            f"and {config.identity().get(name)} here. Choose another folder"
        )


def _train_all(
    config: JobConfig,
    task: Task,
    runs: Sequence[RunConfig],
    used: Devices,
    callbacks: Sequence[keras.callbacks.Callback],
) -> Iterator[tuple[RunConfig, dict[str, Any]]]:
    """(run, result) of all runs, in their order, each as soon as it is there."""
    alone = config.jobs == 1 or len(runs) < 2 or runs[0].smoke
    if alone or used.strategy != "none":
        for one in runs:
            yield one, _train(one, task, config.output_dir, used, callbacks)
        return
    # Which the new processes inherit.
    os.environ.update(processes.shared_environment(config.jobs))
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        config.jobs, fresh, initializer=_begin_worker
    ) as pool:
        try:
            quiet = [dataclasses.replace(one, verbose=False) for one in runs]
            jobs = [pool.submit(_train, one, task, config.output_dir) for one in quiet]
            for one, job in zip(runs, jobs, strict=True):
                yield one, job.result()
        except concurrent.futures.BrokenExecutor as error:
            raise signals.Stopped(
                "A worker process died, killed or for lack of memory; the same command "
                "goes on from its last checkpoint"
            ) from error
        except BaseException:
            processes.terminate_children()  # which save, and leave
            raise


def _begin_worker() -> None:
    signals.listen(processes.leave_worker)
    processes.end_with_parent()


def _train(
    config: RunConfig,
    task: Task,
    output: pathlib.Path,
    used: Devices = ONE_DEVICE,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    folder = checkpoints(output, config)
    storage.write_result(used.writable(folder) / SETTINGS, config.identity())
    try:
        return run(config, task, folder, used, callbacks)
    except signals.Preempted as stopped:
        if multiprocessing.parent_process() is None:
            raise
        print(f"{folder.name}: {stopped}", flush=True)
        processes.leave_worker()
        raise
