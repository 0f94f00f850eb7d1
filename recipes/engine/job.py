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

from engine import devices, earlier, processes, storage
from engine.command_line import JobConfig, refuse
from engine.config import RunConfig
from engine.devices import ONE_DEVICE, Devices
from engine.run import run
from engine.task import Task
from keras_spa.files import write_atomically
from keras_spa.training import signals
from keras_spa_cli.screen import quiet
from reporting import job_page

Results = dict[RunConfig, dict[str, Any] | None]

LOG = "log.txt"  # what libraries say of their start, and the processes of --jobs


def main(config: JobConfig, task: Task, said: bytes) -> None:
    """Runs a job from the command line; `said` is what libraries have said by now."""
    signals.listen(signals.leave_job)
    run_job(config, task, said=said)


def run_job(
    config: JobConfig,
    task: Task,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    said: bytes = b"",
) -> None:
    """Trains what is missing; leaves results, table and picture in `output_dir`.

    `callbacks` see every run that is trained in this process.
    """
    shared, first = config.output_dir, config.runs[0]
    try:
        with quiet() as more:
            used = devices.start(first)
            keras.ops.zeros(())  # has TensorFlow look for devices
        found = {one: earlier.look(shared, one, task.title) for one in config.runs}
        data = task.load(first)
        for one in config.runs:
            task.check_data(one, data)
        for folder in (shared, first.export_dir, first.tensorboard_dir):
            if folder:
                _check_writable(pathlib.Path(folder))
        output = used.writable(shared)
        write_atomically(output / LOG, b"".join([said, *more]))
    except (ValueError, OSError) as error:
        refuse(error)
    results = {one: there.result for one, there in found.items()}
    counts = data.class_counts
    print(
        f"{task.title}: {_amount(len(results), 'run')} of "
        f"{_amount(first.epochs, 'epoch')} over {counts.sum():,} images, "
        f"{counts.max():,} to {counts.min():,} a class; results go to {output}",
        flush=True,
    )
    if told := earlier.summary(found.values()):
        print(f"Of these runs, {told}", flush=True)
    missing = [one for one in config.runs if results[one] is None]
    for one in set(config.runs) - set(missing):  # left by a job killed just before
        _discard(used.writable(earlier.checkpoints(shared, one)))
    started = time.perf_counter()
    try:
        for done, (one, result) in enumerate(
            _train_all(config, task, missing, used, callbacks), 1
        ):
            results[one] = result
            storage.write_result(storage.result_path(output, one), result)
            if one.export_dir:  # where evaluate.py looks for it
                storage.write_result(earlier.export_result_path(one), result)
            _discard(used.writable(earlier.checkpoints(shared, one)))
            left = (time.perf_counter() - started) / done * (len(missing) - done)
            _print_run(f"[{done:2}/{len(missing)}]", result, left)
    except KeyboardInterrupt:
        _stop("Stopped", results, task, output, 130)
    except signals.Preempted as stopped:
        _stop(stopped, results, task, output, stopped.code)
    except signals.Stopped as stopped:
        refuse(stopped, stopped.code)
    except OSError as error:
        refuse(error)
    _report(results, task, output)


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


def _report(results: Results, task: Task, output: pathlib.Path) -> None:
    """A table and a picture of this job's results and earlier ones of its settings.

    Tables of earlier results with other settings follow in the file.
    """
    own = [result for result in results.values() if result]
    if not own:
        return
    first, names = next(iter(results)), [one.name for one in results]
    others = earlier.other_results(output, first, task.title, names)
    same = [*own, *others.pop("", [])]
    table = job_page.table(same)
    more = (
        f"\nWith {changed}:\n\n{job_page.table(o)}" for changed, o in others.items()
    )
    write_atomically(output / "table.md", table + "".join(more))
    job_page.draw(same, output / "picture.png")
    print(f"\n{table}\nPicture: {output / 'picture.png'}")


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _discard(folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _check_writable(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _stop(
    why: object, results: Results, task: Task, output: pathlib.Path, code: int
) -> NoReturn:
    print(f"\n{why}. The same command goes on from here.", flush=True)
    _report(results, task, output)
    sys.exit(code)


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
        config.jobs,
        fresh,
        initializer=processes.begin_worker,
        initargs=(config.output_dir / LOG,),
    ) as pool:
        try:
            quiet = [dataclasses.replace(one, verbose=False) for one in runs]
            jobs = [pool.submit(_train, one, task, config.output_dir) for one in quiet]
            for one, job in zip(runs, jobs, strict=True):
                yield one, job.result()
        except concurrent.futures.BrokenExecutor as error:
            raise signals.Stopped(
                "A worker process died, killed or for lack of memory; what it said is "
                f"in {config.output_dir / LOG}. The same command goes on from its last "
                "checkpoint"
            ) from error
        except BaseException:
            processes.terminate_children()  # which save, and leave
            raise


def _train(
    config: RunConfig,
    task: Task,
    output: pathlib.Path,
    used: Devices = ONE_DEVICE,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    folder = earlier.checkpoints(output, config)
    storage.write_result(used.writable(folder) / earlier.SETTINGS, config.identity())
    try:
        return run(config, task, folder, used, callbacks)
    except signals.Preempted as stopped:
        if multiprocessing.parent_process() is None:
            raise
        print(f"{folder.name}: {stopped}", flush=True)
        processes.leave_worker()
        raise
