"""One run of a recipe: trained, checkpointed, measured."""

import pathlib
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

import keras_spa as spa
from engine import earlier, inputs, storage
from engine.cards import run_card
from engine.config import RunConfig
from engine.devices import ONE_DEVICE, Devices
from engine.evaluation import shot_accuracies
from engine.methods import Method, make_alignment, make_method, make_model
from engine.optimization import make_optimizer
from engine.task import Task
from keras_spa.files import replacing, without_nan
from keras_spa.trained import Observer
from keras_spa.training import checkpoint, signals


def run(
    config: RunConfig,
    task: Task,
    checkpoints: pathlib.Path,
    devices: Devices = ONE_DEVICE,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """The run's result, ready for JSON.

    Goes on from the last checkpoint in the folder `checkpoints`, where all processes of
    the run read, and leaves its own there.
    """
    environment = storage.environment()  # before hours in which a commit may come
    data = task.load(config)
    keras.backend.clear_session()
    keras.config.set_dtype_policy(config.mixed_precision)
    keras.utils.set_random_seed(config.seed)
    counts = data.class_counts.tolist()
    steps = steps_per_epoch(config, data)
    alignment = make_alignment(config, config.epochs * steps)
    # A few steps are over before a graph is traced. JAX knows no graph without XLA, and
    # compiles one program in less time than each operation for itself.
    on_jax = keras.backend.backend() == "jax"
    eager = config.smoke and config.strategy == "none" and not on_jax
    with devices.scope():
        method = make_method(config, counts)
        files = isinstance(data.train.images, spa.data.ImageFiles)
        backbone = inputs.augmented_backbone(config, task.backbone(config), files)
        on_host = inputs.comes_from_pipeline(config, data)
        views = None if on_host else inputs.views_layer(config)
        model = make_model(config, method, backbone, counts, views)
        devices.synchronize(model, True)
        rate = config.learning_rate * method.learning_rate_factor
        model.compile(
            make_optimizer(config, rate, steps),
            method.loss,
            method.loss_weight,
            metrics=["accuracy"],
            run_eagerly=eager,
            jit_compile=not eager and (config.jit_compile or on_jax),
            steps_per_execution=_steps_per_execution(config, devices, steps),
        )
        seconds, history, begun_in = _fit(
            *(model, config, data, task.image_shape[0], method, alignment),
            *(checkpoints, environment, devices, callbacks),
        )
    devices.synchronize(model, False)  # which only training on TensorFlow knows

    observer = Observer(model)
    evaluated, learnt = (
        spa.diagnose(
            observer,
            inputs.unaugmented(split, config.batch_size, task.image_shape[0]),
            counts,
            verbose=0,
        )
        for split in (getattr(data, config.split), data.train)
    )
    accuracy = accuracies(evaluated)
    if config.export_dir and devices.is_chief():
        model.card = run_card(config, task, data, accuracy, alignment)
        _export(model, pathlib.Path(config.export_dir) / config.name)
    return {
        "dataset": task.title,
        "method": config.method,
        "alignment": config.alignment,
        "alignment_config": repr(alignment),
        "seed": config.seed,
        "split": config.split,
        "class_counts": counts,
        "accuracy": accuracy,
        "train_accuracy": accuracies(learnt)["all"],
        "cosine": learnt.metrics["nc3_cosine"],
        "cosine_per_class": learnt.cosine_per_class,
        "exponent_per_class": without_nan(learnt.exponent_per_class),
        "noise_cosine_per_class": without_nan(learnt.noise_cosine_per_class),
        "distance_per_class": without_nan(learnt.distance_per_class),
        "neural_collapse": without_nan(learnt.metrics),
        "history": history,
        "wall_time_s": round(seconds, 2),
        "images_per_s": round(len(data.train.labels) * config.epochs / seconds, 1),
        "environment": environment | devices.description(),
        "begun_in": begun_in,
        "flags": config.identity(),
    }


def steps_per_epoch(config: RunConfig, data: spa.data.LongTailedData) -> int:
    return -(-len(data.train.labels) // config.batch_size)


def accuracies(report: spa.CollapseReport) -> dict[str, Any]:
    """Accuracy in percent: of all, by shots (None for an empty group), by class.

    Classes without images are None, and left out of their group.
    """
    per_class = [100 * share for share in report.accuracy_per_class]
    return {
        "all": 100 * report.accuracy,
        **shot_accuracies(per_class, np.maximum(report.class_counts, 1e-9)),
        "per_class": without_nan(per_class),
    }


def _steps_per_execution(config: RunConfig, devices: Devices, steps: int) -> int:
    # PyTorch knows no other, nor does a last batch that replicas share unevenly.
    one_step = keras.backend.backend() == "torch" or devices.on_tensorflow()
    if config.smoke or one_step:
        return 1
    return config.steps_per_execution or steps


def _fit(
    model: spa.SpAModel,
    config: RunConfig,
    data: spa.data.LongTailedData,
    image_size: int,
    method: Method,
    alignment: spa.Alignment | None,
    checkpoints: pathlib.Path,
    environment: dict[str, Any],
    devices: Devices,
    callbacks: Sequence[keras.callbacks.Callback],
) -> tuple[float, dict[str, list[float]], list[dict[str, Any]]]:
    """Trains; gives seconds, history, and the environments of earlier parts.

    Seconds and history are those before an interruption, too.
    """
    folder = devices.writable(checkpoints)
    if alignment is not None and alignment.needs_covariance:
        model.class_means.keep_covariance()  # before it begins, and in checkpoints
    if config.resume:
        start = checkpoint.restore(model, checkpoints)
    else:
        checkpoint.forget(folder)
        start = checkpoint.Progress()
    begun_in = earlier.note_environment(
        folder, environment, bool(start.epoch or start.step)
    )
    before = sum(start.history.get("seconds", [])) + start.seconds
    saving = checkpoint.Checkpoint(folder, start)
    watching = [*method.callbacks, *callbacks]
    if config.verbose:
        watching.append(EpochLines(config.epochs))
    if config.tensorboard_dir and devices.is_chief():
        logs = f"{config.tensorboard_dir}/{config.name}"
        watching.append(keras.callbacks.TensorBoard(logs))
    first = round(config.spa_start * config.epochs)
    last = max(first, round(config.spa_stop * config.epochs))
    epoch, step = start.epoch, start.step
    if step:  # whose metrics go on from where they were
        _make_metrics(model, config, data.num_classes)
    steps = steps_per_epoch(config, data)
    started = time.perf_counter()
    for stop in sorted({epoch + bool(step), first, last, config.epochs}):
        if epoch < stop:
            _set_alignment(model, alignment if first <= epoch < last else None)
            arguments, follow = inputs.training_inputs(
                config, data, image_size, steps, epoch, step
            )
            with signals.sigterm_waits():
                model.fit(
                    **arguments,
                    **inputs.validation_inputs(config, data, image_size),
                    initial_epoch=epoch,
                    epochs=stop,
                    verbose=0,
                    callbacks=saving.callbacks(model, stop, [*follow, *watching]),
                )
            epoch, step = stop, 0
    _set_alignment(model, alignment if last == config.epochs else None)
    return before + time.perf_counter() - started, saving.history, begun_in


def _set_alignment(model: spa.SpAModel, alignment: spa.Alignment | None) -> None:
    """Has the model train with this alignment from now on, or without."""
    if alignment is None and model.alignments:
        model.alignments.clear()
        model.train_function = None  # traced with it
    elif alignment is not None and not model.alignments:
        model.add_loss(alignment)


def _make_metrics(model: spa.SpAModel, config: RunConfig, num_classes: int) -> None:
    """Keras makes their variables when it first sees labels."""
    shape = (1,) if config.mix == "none" else (1, num_classes)
    logits = np.zeros((1, num_classes), "float32")
    model.compute_metrics(None, np.zeros(shape, "int32"), logits)


def _export(model: spa.SpAModel, path: pathlib.Path) -> None:
    with replacing(path.with_name(f"{path.name}.keras")) as unfinished:
        model.save(unfinished)
    if keras.backend.backend() != "torch":  # there Keras writes no SavedModel
        model.export(path, verbose=False)


class EpochLines(keras.callbacks.Callback):
    """A line an epoch: what it brought, how long it took, what is left."""

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.perf_counter() - self.started
        left = seconds * (self.epochs - epoch - 1)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
        print(
            f"epoch {epoch + 1:3}/{self.epochs}  {shown}  "
            f"{seconds:.1f} s, {left / 60:.0f} min left",
            flush=True,
        )
