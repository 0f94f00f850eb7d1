"""Training that goes on where it was killed, as if nothing had happened."""

import json
import os
import pathlib
import shutil

import keras


class Checkpoint(keras.callbacks.Callback):
    """After each epoch, all that training needs to go on, and the history so far.

    Weights, optimizer, class means and random states lie with the history in one
    folder, `epoch-0012`, which gets its name when it is whole. (Keras'
    BackupAndRestore writes weights and epoch one after the other, in place: killed in
    between, it repeats an epoch or finds half a file.)
    """

    def __init__(self, folder, history=None):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.history = history or {}

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        temporary, final = (
            self.folder / f"{prefix}epoch-{epoch + 1:04}" for prefix in (".", "")
        )
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        self.model.save_weights(temporary / "model.weights.h5")
        text = json.dumps(self.history, indent=1)
        (temporary / "history.json").write_text(text + "\n")
        shutil.rmtree(final, ignore_errors=True)
        os.replace(temporary, final)
        for older in self.folder.glob("epoch-*"):
            if older != final:
                shutil.rmtree(older)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def restore(model, folder):
    """`(epochs done, history)` of the last whole checkpoint; `(0, {})` of none.

    `model` is built and compiled.
    """
    whole = sorted(pathlib.Path(folder).glob("epoch-*"))
    if not whole:
        return 0, {}
    model.optimizer.build(model.trainable_variables)
    model.load_weights(whole[-1] / "model.weights.h5")
    history = json.loads((whole[-1] / "history.json").read_text())
    return int(whole[-1].name.removeprefix("epoch-")), history
