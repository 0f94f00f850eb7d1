"""What every recipe needs: batches in a fixed order, measurements, result files."""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before Keras loads TensorFlow

import keras
import numpy as np
from keras import ops

from keras_spa import geometry, metrics
from keras_spa.layers.class_means import class_sums


class Batches(keras.utils.PyDataset):
    """Arrays in batches, reshuffled each epoch in an order that only `seed` decides.

    Two models trained with the same seed see the same batches on any backend, which
    is what makes their comparison a paired one.
    """

    def __init__(self, x, y, batch_size, seed):
        super().__init__()
        self.x, self.y, self.batch_size = x, y, batch_size
        self.random = np.random.RandomState(seed)
        self.on_epoch_end()

    def on_epoch_end(self):
        self.order = self.random.permutation(len(self.y))

    def __len__(self):
        return -(-len(self.y) // self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size :][: self.batch_size]
        return self.x[rows], self.y[rows]


def infer(model, x, batch_size=512):
    """`(features, logits)` of all images as NumPy arrays, in inference mode."""
    parts = [
        [
            ops.convert_to_numpy(output)
            for output in model(
                x[start : start + batch_size], training=False, return_features=True
            )
        ]
        for start in range(0, len(x), batch_size)
    ]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def accuracies(logits, y, class_counts):
    """Accuracy in percent: of all, by shots (None for an empty group), by class."""
    correct = np.argmax(logits, axis=-1) == y
    per_class = [100.0 * float(np.mean(correct[y == c])) for c in np.unique(y)]
    shots = {
        name: float(np.mean([per_class[c] for c in classes])) if len(classes) else None
        for name, classes in metrics.shot_groups(class_counts).items()
    }
    return {"all": 100.0 * float(np.mean(correct)), **shots, "per_class": per_class}


def class_cosines(model, features, y):
    """Cosine of each class's weight with its centred mean of these features."""
    num_classes = model.class_means.num_classes
    labels = ops.convert_to_tensor(y)
    sums, weights = class_sums(ops.convert_to_tensor(features), labels, num_classes)
    means = sums / ops.maximum(weights, 1)[:, None]
    directions = geometry.mean_directions(means, weights > 0, center=True)
    kernel = ops.transpose(ops.convert_to_tensor(model.aligned_kernel))
    cosines = geometry.dot(geometry.unit(kernel), directions)
    return [float(cosine) for cosine in ops.convert_to_numpy(cosines)]


def environment():
    """Versions, commit and hardware that a result was measured with."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": backend,
        backend: sys.modules[backend].__version__,
        "numpy": np.__version__,
        "commit": _commit(),
        "hardware": f"{_processor()}, {os.cpu_count()} cores",
    }


def _commit():
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        here = pathlib.Path(__file__).parent
        run = subprocess.run(command, cwd=here, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return run.stdout.strip() or None


def _processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def write_atomically(path, content):
    """Write text or bytes to `path` whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_result(path, result):
    write_atomically(path, json.dumps(result, indent=1, allow_nan=False) + "\n")
