"""The host runs ahead of the device, and a loss that is not finite is still noticed."""

import keras
import numpy as np
import pytest

import keras_spa as spa
from keras_spa.training import checkpoint
from keras_spa.training.callbacks import LOOK, Callbacks, FiniteLoss

BACKEND = keras.backend.backend()


class Loss:
    """On a device: how often its number is asked for is counted."""

    reads = 0

    def __init__(self, number):
        self.number = number

    def __float__(self):
        Loss.reads += 1
        return float(self.number)


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch):
    monkeypatch.setattr(Loss, "reads", 0)


class Diverged(Exception):
    pass


def diverged(what):
    raise Diverged(what)


def epoch(losses, start=(0, 0), number=0, at_once=1):
    """Feeds an epoch of executions of so many steps; `(steps fed, callback)`."""
    watch = FiniteLoss(start, diverged)
    callbacks = Callbacks([watch])
    callbacks.on_epoch_begin(number)
    for i, loss in enumerate(losses):
        callbacks.on_train_batch_begin(at_once * i)
        callbacks.on_train_batch_end(at_once * (i + 1) - 1, {"loss": loss})
    callbacks.on_epoch_end(number)
    return watch


def test_an_epoch_reads_one_loss():
    for n in (1, LOOK, 2 * LOOK - 1):
        Loss.reads = 0
        epoch([Loss(1.0)] * n)
        assert Loss.reads == 1


def test_in_a_long_epoch_only_old_losses_are_read():
    n = 10 * LOOK
    read = []

    class Noted(Loss):
        def __float__(self):
            read.append((self.number, fed))
            return 1.0

    watch = FiniteLoss((0, 0), diverged)
    watch.on_epoch_begin(0)
    for fed in range(n):
        watch.on_train_batch_begin(fed)
        watch.on_train_batch_end(fed, {"loss": Noted(fed)})
        assert len(watch.kept) < 2 * LOOK
    assert [number for number, _ in read] == list(range(LOOK - 1, n - LOOK, LOOK))
    assert all(fed - number == LOOK for number, fed in read)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("bad", [0, 3, LOOK - 1, LOOK, 5 * LOOK // 2])
def test_the_first_bad_step_is_named(bad, value):
    losses = [Loss(1.0)] * bad + [Loss(value)] * (3 * LOOK - bad)
    with pytest.raises(Diverged, match=f"is {value} in epoch 1, step {bad + 1}$"):
        epoch(losses)


def test_steps_of_one_execution_and_of_a_continued_epoch_are_named():
    losses = [Loss(1.0), Loss(np.nan), Loss(np.nan)]
    with pytest.raises(Diverged, match="epoch 3, steps 12 to 13$"):
        epoch(losses, start=(2, 9), number=2, at_once=2)
    with pytest.raises(Diverged, match="epoch 4, steps 3 to 4$"):
        epoch(losses, start=(2, 9), number=3, at_once=2)


def test_each_epoch_is_looked_at_anew():
    watch = epoch([Loss(1.0)] * 3)
    watch.look()
    assert Loss.reads == 1


def model():
    model = spa.SpAModel(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
        keras.layers.Dense(2),
        spa.SpASLERP(0.01),
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


class Judge(keras.callbacks.Callback):
    """Comes before the checkpoint, as what keeps the best weights does."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        assert all(isinstance(value, float) for value in logs.values())
        self.epochs.append(epoch)


def test_nobody_judges_weights_of_a_loss_that_is_not_finite(tmp_path):
    class Spoils(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if (self.epoch, batch) == (1, 2):
                bias = self.model.classifier.bias
                bias.assign(np.full(bias.shape, np.nan))

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    one, judge = model(), Judge()
    saving = checkpoint.Checkpoint(tmp_path, checkpoint.Progress())
    callbacks = saving.callbacks(one, 3, [Spoils(), judge])
    x, y = np.ones((16, 4), "float32"), np.arange(16) % 2
    with pytest.raises(checkpoint.signals.Diverged, match="epoch 2, step 3"):
        one.fit(x, y, 4, epochs=3, verbose=0, callbacks=callbacks)
    assert judge.epochs == [0]


def test_history_is_kept_as_by_fit():
    one = model()
    x, y = np.ones((16, 4), "float32"), np.arange(16) % 2
    callbacks = Callbacks([], add_history=True, model=one, epochs=2)
    history = one.fit(x, y, 4, epochs=2, verbose=0, callbacks=callbacks).history
    assert len(history["loss"]) == 2


@pytest.mark.skipif(BACKEND != "jax", reason="counts how JAX's arrays are read")
def test_on_jax_the_host_reads_as_much_in_a_long_epoch_as_in_a_short_one(
    tmp_path, monkeypatch
):
    import jax
    from jax._src import array

    reads = []

    def counting(real):
        return lambda *arguments: (reads.append(real), real(*arguments))[1]

    # float() and the like read the one, Keras and NumPy by the other.
    value = property(counting(array.ArrayImpl._value.fget))
    monkeypatch.setattr(array.ArrayImpl, "_value", value)
    to_numpy = counting(keras.src.backend.convert_to_numpy)
    monkeypatch.setattr(keras.src.backend, "convert_to_numpy", to_numpy)
    assert float(jax.numpy.ones(())) == keras.ops.convert_to_numpy(jax.numpy.ones(()))
    assert len(reads) == 2

    def count(steps, watched=True):
        one = model()
        x, y = np.ones((4 * steps, 4), "float32"), np.arange(4 * steps) % 2
        folder = tmp_path / f"{steps} {watched}"
        saving = checkpoint.Checkpoint(folder, checkpoint.Progress())
        callbacks = saving.callbacks(one, 1) if watched else [saving.loss, saving]
        reads.clear()
        one.fit(x, y, 4, epochs=1, shuffle=False, verbose=0, callbacks=callbacks)
        return len(reads)

    assert count(60) == count(6)
    assert count(60, watched=False) >= 60  # as Keras calls them
