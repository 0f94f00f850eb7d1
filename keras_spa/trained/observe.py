"""Looking at what a trained classifier makes of data: features, logits, labels."""

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa.data.image_files import ImageFiles
from keras_spa.layers._cosine import CosineLayer
from keras_spa.metrics import _collapse
from keras_spa.models._surgery.logits import Logits
from keras_spa.models.spa_model import SpAModel


def observe(model, dataset, batch_size, verbose):
    """`(features, logits, labels)` of each batch, as arrays; labels are integers (B,).

    One pass in inference mode, under a progress bar.
    """
    observer = model if isinstance(model, Observer) else Observer(model)
    batches, steps = _batches(dataset, _checks.integer("batch_size", batch_size, 1))
    verbose = _checks.choice("verbose", verbose, ("auto", 0, 1))
    bar = keras.utils.Progbar(steps, verbose=int(verbose != 0), unit_name="batch")
    seen = 0
    for images, labels in batches:
        if not len(labels):
            continue
        observer.images = images
        features, logits = observer.predict_on_batch(images)
        labels = _integers(labels, logits.shape[-1])
        yield features, logits.astype("float32"), labels
        seen += 1
        bar.add(1)
    if not seen:
        raise ValueError("Argument `dataset` must hold images. Received: no batch")
    if steps is None:
        bar.update(seen, finalize=True)


def _integers(labels, num_classes):
    """Labels of any kind as integers (B,)."""
    try:
        _checks.label_values(labels, num_classes)
    except ValueError as error:
        raise ValueError(
            f"Argument `dataset` does not fit the model, which has {num_classes} "
            f"classes. {error}"
        ) from None
    if _checks.label_shape(labels, num_classes) == "soft":
        labels = np.argmax(labels, axis=-1)
    return labels.reshape(-1).astype("int64")


def gather(batches, keep=False):
    """Counts (K,) and means (K, d) of the classes in what `observe` yields.

    With `keep` also `(features, labels)` of all images.
    """
    counts = sums = None
    kept = []
    for features, logits, labels in batches:
        if counts is None:
            counts = np.zeros(logits.shape[-1])
            sums = np.zeros((logits.shape[-1], features.shape[-1]))
        counts += np.bincount(labels, minlength=len(counts))
        for label, feature in zip(labels, features.astype("float64"), strict=True):
            sums[label] += feature
        if keep:
            kept.append((features.astype("float32"), labels))
    if not np.isfinite(sums).all():
        raise ValueError(
            "Argument `dataset` must give finite features. Received: NaN or infinity; "
            "keras_spa.diagnose names the batch"
        )
    means = sums / np.maximum(counts, 1)[:, None]
    return counts, means, tuple(map(np.concatenate, zip(*kept, strict=True)))


def linear_classifier(model):
    """Weights (K, d) and biases (K,) that decide as the classifier of a `SpAModel`.

    The classifiers that see directions only decide as their weights' directions do.
    """
    weights = ops.convert_to_numpy(ops.cast(model.aligned_kernel, "float32")).T
    classifier = model.classifier
    if isinstance(classifier, Logits):
        classifier = classifier.head
    if isinstance(classifier, CosineLayer):
        return _collapse.unit(weights.astype("float64")), None
    biases = getattr(classifier, "bias", None)
    if biases is not None:
        biases = ops.convert_to_numpy(ops.cast(biases, "float32"))
    return weights, biases


class Observer(keras.Model):
    """Images to features and logits, in a function that is compiled once.

    `images` is the batch that `observe` gave it last.
    """

    def __init__(self, model, head=None):
        super().__init__(autocast=False)
        self.images = None
        if not isinstance(model, SpAModel):
            self.model = SpAModel.from_model(model, head=head)
        elif head is not None:
            raise ValueError(
                "Argument `head` must be None for a SpAModel, which knows its "
                f"classifier. Received: head={head!r}"
            )
        elif not model.classifier.built:
            raise ValueError(
                "Argument `model` must be built: call it once on data. "
                f"Received: an unbuilt {type(model).__name__} named {model.name!r}"
            )
        else:
            self.model = model
        self.run_eagerly = model.run_eagerly

    def call(self, inputs):
        return self.model(inputs, training=False, return_features=True)


def _batches(dataset, batch_size):
    """Iterator over batches of arrays, and how many there are, if that is known."""
    if isinstance(dataset, tuple):
        dataset = _ArrayBatches(*_arrays(dataset), batch_size)
    cardinality = getattr(dataset, "cardinality", lambda: 0)
    if int(cardinality()) == -1:  # what TensorFlow says of endless data sets
        raise ValueError(
            "Argument `dataset` must end; leave out `repeat()`, or add `take(n)`. "
            f"Received: an endless {type(dataset).__name__}"
        )
    try:
        steps = len(dataset)
    except TypeError:
        steps = None
    return (keras.tree.map_structure(np.asarray, b[:2]) for b in dataset), steps


def _arrays(pair):
    if len(pair) != 2 or isinstance(pair[0], ImageFiles):
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays; files go through "
            "keras_spa.data.pipeline(split, batch_size, training=False). "
            f"Received: {tuple(type(part).__name__ for part in pair)}"
        )
    lengths = [len(array) for array in keras.tree.flatten(pair)]
    if len(set(lengths)) > 1:
        raise ValueError(
            "Argument `dataset` must hold as many labels as images. "
            f"Received: arrays of lengths {lengths}"
        )
    return pair


class _ArrayBatches(keras.utils.PyDataset):
    def __init__(self, images, labels, batch_size):
        super().__init__()
        self.arrays, self.batch_size = (images, labels), batch_size

    def __len__(self):
        return -(-len(self.arrays[1]) // self.batch_size)

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)
