"""One run of a recipe: a method, an alignment, a seed; trained and measured."""

import pathlib
import time

import keras
import numpy as np
from absl import flags

import keras_spa as spa
from engine import augmentation, checkpoint, devices, inputs, methods, signals, storage
from keras_spa.trained.observe import Observer

FLAGS = flags.FLAGS


def train(task, method, alignment, seed, folder):
    """The run's result, ready for JSON; checkpoints are left in `folder`."""
    data = task.load(seed)
    keras.backend.clear_session()
    keras.config.set_dtype_policy(FLAGS.mixed_precision)
    keras.utils.set_random_seed(seed)
    counts = data.class_counts.tolist()
    steps = -(-len(data.train.labels) // FLAGS.batch_size)
    chosen = methods.make_alignment(alignment, FLAGS.epochs * steps)
    # A few steps are over before a graph is traced; JAX knows no graph without XLA.
    eager = FLAGS.smoke and FLAGS.strategy == "none"
    on_jax = keras.backend.backend() == "jax"
    with devices.scope():
        parts = methods.make_method(method, counts, FLAGS.epochs, FLAGS.mix != "none")
        backbone = _backbone(task, seed)
        devices.synchronize(backbone, True)
        model = spa.SpAModel(backbone, parts.classifier)
        model.compile(
            optimizer(FLAGS.learning_rate * parts.learning_rate_factor, steps),
            parts.loss,
            metrics=["accuracy"],
            run_eagerly=eager,
            jit_compile=not eager and (FLAGS.jit_compile or on_jax),
            steps_per_execution=_steps_per_execution(steps),
        )
        wall, history = _fit(model, data, parts, chosen, seed, steps, folder)
    devices.synchronize(backbone, False)  # which only training on TensorFlow knows

    observer = Observer(model)
    evaluated, learnt = (
        spa.diagnose(observer, inputs.unaugmented(split), counts, verbose=0)
        for split in (getattr(data, FLAGS.split), data.train)
    )
    if FLAGS.export_dir and devices.is_chief():
        _export(model, pathlib.Path(FLAGS.export_dir) / folder.name)
    return {
        "dataset": task.title,
        "method": method,
        "alignment": alignment,
        "alignment_config": repr(chosen),
        "seed": seed,
        "split": FLAGS.split,
        "class_counts": counts,
        "accuracy": accuracies(evaluated),
        "train_accuracy": accuracies(learnt)["all"],
        "cosine": learnt.metrics["nc3_cosine"],
        "cosine_per_class": learnt.cosine_per_class,
        "exponent_per_class": _finite(learnt.exponent_per_class),
        "neural_collapse": _finite(learnt.metrics),
        "history": history,
        "wall_time_s": round(wall, 2),
        "images_per_s": round(len(data.train.labels) * FLAGS.epochs / wall, 1),
        "environment": storage.environment() | devices.described(),
    }


def accuracies(report):
    """Accuracy in percent: of all, by shots (None for an empty group), by class.

    Classes without images are None, and left out of their group.
    """
    per_class = [100 * share for share in report.accuracy_per_class]
    shots = dict.fromkeys(("many", "medium", "few"))
    for name, classes in report.shots().items():
        shots[name] = float(np.mean([per_class[c] for c in classes]))
    return {"all": 100 * report.accuracy, **shots, "per_class": _finite(per_class)}


def _finite(values):
    """The numbers with None for those that are not finite, which JSON cannot hold."""
    if isinstance(values, dict):
        return dict(zip(values, _finite(values.values()), strict=True))
    return [value if np.isfinite(value) else None for value in values]


def _steps_per_execution(steps):
    # PyTorch knows no other, nor does a last batch that replicas share unevenly.
    one_step = keras.backend.backend() == "torch" or devices.is_tensorflows()
    if FLAGS.smoke or one_step:
        return 1
    return FLAGS.steps_per_execution or steps


def _fit(model, data, parts, alignment, seed, steps, folder):
    """Trains; returns seconds, those before an interruption included, and history."""
    shared = devices.where_to_read(folder)
    if FLAGS.resume:
        start = checkpoint.restore(model, shared)
    else:
        checkpoint.forget(folder)
        start = checkpoint.Progress()
    before = sum(start.history.get("seconds", [])) + start.seconds
    callbacks = [*parts.callbacks, EpochLines()]
    if FLAGS.tensorboard_dir and devices.is_chief():
        logs = f"{FLAGS.tensorboard_dir}/{folder.name}"
        callbacks.append(keras.callbacks.TensorBoard(logs))
    saving = checkpoint.Checkpoint(folder, start)
    late = round(FLAGS.spa_start * FLAGS.epochs)
    epoch, step = start.epoch, start.step
    if step:  # whose metrics go on from where they were
        _make_metrics(model, data.num_classes)
    started = time.perf_counter()
    for stop in sorted({epoch + bool(step), late, FLAGS.epochs}):
        if stop == FLAGS.epochs or stop > late:
            _align(model, alignment)
        if epoch < stop:
            fed, follow = inputs.training(data, seed, steps, epoch, step)
            with signals.sigterm_waits():
                model.fit(
                    **fed,
                    **inputs.validation(data),
                    initial_epoch=epoch,
                    epochs=stop,
                    verbose=0,
                    callbacks=[*follow, *callbacks, saving],
                )
            epoch, step = stop, 0
    return before + time.perf_counter() - started, saving.history


def _make_metrics(model, num_classes):
    """Keras makes their variables when it first sees labels."""
    shape = (1,) if FLAGS.mix == "none" else (1, num_classes)
    logits = np.zeros((1, num_classes), "float32")
    model.compute_metrics(None, np.zeros(shape, "int32"), logits)


def _align(model, alignment):
    if alignment is not None and not model.alignments:
        model.add_loss(alignment)


def _backbone(task, seed):
    network = task.backbone()
    layers = [] if augmentation.on_host() else augmentation.layers(seed)
    if not layers:
        return network
    inputs = keras.Input(network.input_shape[1:], dtype="uint8")
    x = inputs
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, network(x), name=f"augmented_{network.name}")


def _export(model, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path.with_name(f"{path.name}.keras"))
    if keras.backend.backend() != "torch":  # there Keras writes no SavedModel
        model.export(path, verbose=False)


def optimizer(rate, steps):
    """SGD with momentum 0.9 and the schedule of the flags, `steps` an epoch."""
    warm_up, epochs = FLAGS.warmup_epochs, FLAGS.epochs
    if FLAGS.schedule == "cosine":
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else rate,
            steps * (epochs - warm_up),
            warmup_target=rate if warm_up else None,
            warmup_steps=steps * warm_up,
        )
    else:
        # Epoch e of the warm-up has (e + 1)/warm_up of the rate, as in LDAM-DRW.
        ends = [*range(1, warm_up), *(round(share * epochs) for share in (0.8, 0.9))]
        factors = [(e + 1) / warm_up for e in range(warm_up)] or [1.0]
        factors = [*factors, *(float(factor) for factor in FLAGS.decay_factors)]
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [steps * end - 1 for end in ends], [rate * factor for factor in factors]
        )
    return CoupledSGD(schedule, momentum=0.9, l2=FLAGS.weight_decay)


@keras.saving.register_keras_serializable("keras_spa_recipes")
class CoupledSGD(keras.optimizers.SGD):
    """SGD whose weight decay joins the gradient, as the published protocols have it.

    Keras' `weight_decay` is decoupled: with momentum 0.9 it is a tenth as strong.
    """

    def __init__(self, learning_rate=0.01, l2=0.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        decay = keras.ops.cast(self.l2 * variable, gradient.dtype)
        super().update_step(gradient + decay, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2}


class EpochLines(keras.callbacks.Callback):
    """With --verbose a line an epoch: what it brought, how long, what is left."""

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        if FLAGS.verbose:
            left = seconds * (FLAGS.epochs - epoch - 1)
            shown = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
            print(
                f"epoch {epoch + 1:3}/{FLAGS.epochs}  {shown}  "
                f"{seconds:.1f} s, {left / 60:.0f} min left",
                flush=True,
            )
