"""Training, from wherever it was left."""

import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras.callbacks import Callback

import keras_spa as spa
from keras_spa.cli import methods, network, precision, watching
from keras_spa.cli.feed import Feed
from keras_spa.training import checkpoint, signals
from keras_spa.training.callbacks import Callbacks

CHECKPOINTS = "checkpoints"


class Trained(NamedTuple):
    """A trained model and how it came about.

    Args:
        model: A `SpAModel` with the weights of its best epoch, not compiled.
        history: Measures by name, a number an epoch.
        best: The number of that epoch, None if nothing was held out: the last.
        augment: What `align` takes for it: a layer, batches, or None.
    """

    model: spa.SpAModel
    history: dict[str, list[float]]
    best: int | None
    augment: Any


def train(arguments: Any, fed: Feed, folder: pathlib.Path) -> Trained:
    """Trains in `folder`, and goes on there after a kill."""
    data = fed.data
    if fed.from_files and arguments.augment == "none":
        raise ValueError(
            "--augment=none is for arrays and small images; larger files are cropped "
            "at random as they are read"
        )
    keras.config.set_dtype_policy(precision.policy(arguments.precision))
    keras.utils.set_random_seed(arguments.seed)
    steps = -(-len(data.train.labels) // fed.batch_size)
    augment = None if fed.from_files else network.augmentation(arguments, fed.shape)
    backbone = network.backbone(arguments, fed.shape, arguments.epochs * steps)
    model = spa.SpAModel(
        network.augmented(backbone, augment),
        methods.classifier(arguments.method, data.num_classes),
        methods.alignment(arguments.alignment),
    )
    model.compile(
        methods.optimizer(arguments, arguments.epochs * steps),
        methods.loss(arguments.method, data.class_counts),
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() == "jax",
    )
    start = checkpoint.restore(model, folder / CHECKPOINTS)
    best = watching.Best(folder)
    saving = checkpoint.Checkpoint(folder / CHECKPOINTS, start)
    if start.epoch or start.step:
        print(f"goes on in epoch {min(start.epoch + 1, arguments.epochs)}", flush=True)
    if not watching.is_over(saving.history, arguments.patience):
        before = _before(arguments, fed, folder, best, saving, steps)
        after = []
        if fed.data.validation is not None:
            after = [watching.Stop(best, saving.history, arguments.patience)]

        def callbacks(follow: list[Callback], stop: int) -> Callbacks:
            return saving.callbacks(model, stop, [*follow, *before], after)

        _fit(model, arguments, fed, steps, start, callbacks)
    epoch = watching.best_epoch(saving.history)
    if epoch is not None:
        model.load_weights(best.path(epoch))
    if fed.from_files:
        augment = _augmented(arguments, fed)
    return Trained(_alone(model, backbone), saving.history, epoch, augment)


def _alone(model: spa.SpAModel, backbone: keras.Model) -> spa.SpAModel:
    """The model without augmentation and optimizer, sharing its layers."""
    alone = spa.SpAModel(backbone, model.classifier, list(model.alignments))
    alone.class_means.set_weights(model.class_means.get_weights())
    return alone


def clean(folder: pathlib.Path) -> None:
    """Removes what only an unfinished training needs."""
    checkpoint.forget(folder / CHECKPOINTS)
    if (folder / CHECKPOINTS).is_dir():
        (folder / CHECKPOINTS).rmdir()
    watching.Best(folder).tidy(None)


def _before(
    arguments: Any,
    fed: Feed,
    folder: pathlib.Path,
    best: watching.Best,
    saving: checkpoint.Checkpoint,
    steps: int,
) -> list[Callback]:
    """The callbacks before the checkpoint, in an order that matters."""
    start = saving.start
    counts, history = fed.data.class_counts, saving.history
    callbacks = methods.callbacks(arguments.method, counts, arguments.epochs)
    held_out = fed.data.validation
    if held_out is not None:
        callbacks += [watching.HeldOut(fed, held_out), watching.KeepBest(best, history)]
    if arguments.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
    progress = watching.Progress(arguments.epochs, steps, start.epoch, start.step)
    return [*callbacks, progress]


def _fit(
    model: spa.SpAModel,
    arguments: Any,
    fed: Feed,
    steps: int,
    start: checkpoint.Progress,
    callbacks: Callable[[list[Callback], int], Callbacks],
) -> None:
    epoch, step = start.epoch, start.step
    if step:  # whose metrics go on from where they were; Keras makes them late
        num_classes = fed.data.num_classes
        logits = np.zeros((1, num_classes), "float32")
        model.compute_metrics(None, np.zeros(1, "int32"), logits)
    for stop in sorted({epoch + bool(step), arguments.epochs}):
        if epoch >= stop or model.stop_training:
            continue
        x, follow = _inputs(arguments, fed, epoch, step)
        with signals.sigterm_waits():
            model.fit(
                x,
                steps_per_epoch=steps - step if fed.from_files else None,
                initial_epoch=epoch,
                epochs=stop,
                shuffle=False,
                verbose=0,
                callbacks=callbacks(follow, stop),
            )
        epoch, step = stop, 0


def _inputs(
    arguments: Any, fed: Feed, epoch: int, step: int
) -> tuple[Any, list[Callback]]:
    """Training images from a step of an epoch on, and what keeps them in step."""
    if fed.from_files:
        x = spa.data.pipeline(
            fed.data.train,
            fed.batch_size,
            image_size=fed.shape[0],
            seed=arguments.seed,
            repeat=True,
            first_epoch=epoch,
            first_batch=step,
        )
        return x, []
    x = spa.data.Batches(fed.data.train, fed.batch_size, arguments.seed)
    x.start(epoch, step)
    follow = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda now, logs: x.start(now, step if now == epoch else 0)
    )
    return x, [follow]


def _augmented(arguments: Any, fed: Feed) -> Any:
    """An epoch of augmented batches of files, with its own seed."""
    return spa.data.pipeline(
        fed.data.train,
        fed.batch_size,
        image_size=fed.shape[0],
        seed=arguments.seed + 1,
    )
