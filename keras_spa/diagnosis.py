"""What alignment a trained classifier has, and what the lack of it costs."""

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa.collapse_report import CollapseReport
from keras_spa.data.image_files import ImageFiles
from keras_spa.layers._cosine import CosineLayer
from keras_spa.metrics import _collapse
from keras_spa.metrics.neural_collapse import NeuralCollapse
from keras_spa.models.spa_model import SpAModel


def diagnose(
    model,
    dataset,
    class_counts=None,
    class_names=None,
    batch_size=256,
    verbose="auto",
):
    """Measures neural collapse and alignment of a classifier, class by class.

    One pass over the data in inference mode. Features are the inputs of the model's
    last layer with a kernel; its weights are compared with their class means. Diagnose
    the training images without augmentation for what training has led to (NC1 to NC4
    are meant so), test images for what the classifier meets in use.

    Args:
        model: A `SpAModel`, or any Sequential or Functional Keras model that ends in a
            `Dense` (or another layer with a (d, K) kernel). It is left as it is.
        dataset: `(images, labels)` arrays, a `tf.data.Dataset`, a PyTorch DataLoader, a
            `keras.utils.PyDataset`, or any iterable of batches `(images, labels)`.
            Labels are integers (B,) or (B, 1), or one-hot (B, K).
        class_counts: n, training images of each class (K,), which order classes from
            head to tail and make many, medium and few shot. Defaults to the images of
            each class in `dataset`.
        class_names: K strings for tables and pictures. Defaults to the class numbers.
        batch_size: Images at a time, for arrays. Defaults to 256.
        verbose: `"auto"` or 1 for a progress bar, 0 for none.

    Returns:
        A `CollapseReport`. `print(report)` gives its verdict.

    Raises:
        ValueError: a model that cannot be split, labels out of range, images of fewer
            than two classes, or features that are not finite (with the batch).

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> model.layers[0].set_weights([spa.theory.simplex_etf(3, 4).T, np.zeros(3)])
    >>> labels = np.array([0, 1, 2, 0])
    >>> images = spa.theory.simplex_etf(3, 4)[labels]
    >>> report = spa.diagnose(model, (images, labels), verbose=0)
    >>> print(report)
    Aligned: mean cosine 1.00 of weights and class means. The classifier uses 100 % of
    what its features' means allow. Accuracy 100.0 %.

    Reference: the measures are those of `metrics.NeuralCollapse`; the report is ours.
    """
    observer = model if isinstance(model, Observer) else Observer(model)
    batches, steps = _batches(dataset, _checks.integer("batch_size", batch_size, 1))
    verbose = _checks.choice("verbose", verbose, ("auto", 0, 1))
    bar = keras.utils.Progbar(steps, verbose=int(verbose != 0), unit_name="batch")
    collapse = None
    for images, labels in batches:
        features, logits = observer.predict_on_batch(images)
        num_classes = logits.shape[-1]
        if collapse is None:
            collapse = NeuralCollapse(num_classes, class_counts)
            right = np.zeros(num_classes)
            class_names = _checked_names(class_names, num_classes)
        if _checks.label_shape(labels, num_classes) == "soft":
            labels = np.argmax(labels, axis=-1)
        collapse.update_state(features, labels, logits)
        labels = labels.reshape(-1).astype("int64")
        hits = labels[np.argmax(logits.astype("float32"), axis=-1) == labels]
        right += np.bincount(hits, minlength=num_classes)
        bar.add(1)
    if collapse is None:
        raise ValueError("Argument `dataset` must hold images. Received: no batch")
    right[collapse.counts == 0] = np.nan
    if steps is None:
        bar.update(bar._seen_so_far, finalize=True)
    return CollapseReport.of(
        collapse,
        *linear_classifier(observer.model),
        right / np.maximum(collapse.counts, 1),
        class_names,
    )


def _checked_names(class_names, num_classes):
    names = [str(name) for name in class_names or range(num_classes)]
    if len(names) != num_classes:
        raise ValueError(
            f"Argument `class_names` must hold {num_classes} names. "
            f"Received: {len(names)}"
        )
    return names


def linear_classifier(model):
    """Weights (K, d) and biases (K,) that decide as the classifier of a `SpAModel`.

    The classifiers that see directions only decide as their weights' directions do.
    """
    weights = ops.convert_to_numpy(ops.cast(model.aligned_kernel, "float32")).T
    if isinstance(model.classifier, CosineLayer):
        return _collapse.unit(weights.astype("float64")), None
    biases = getattr(model.classifier, "bias", None)
    if biases is not None:
        biases = ops.convert_to_numpy(ops.cast(biases, "float32"))
    return weights, biases


class Observer(keras.Model):
    """Images to features and logits, in a function that is compiled once."""

    def __init__(self, model):
        super().__init__(autocast=False)
        spa_model = isinstance(model, SpAModel)
        self.model = model if spa_model else SpAModel.from_model(model)
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
    if isinstance(dataset, keras.utils.PyDataset):  # which iterates without an end
        dataset = map(dataset.__getitem__, range(steps))
    return (keras.tree.map_structure(np.asarray, b[:2]) for b in dataset), steps


def _arrays(pair):
    if len(pair) != 2 or isinstance(pair[0], ImageFiles):
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays; files go through "
            "keras_spa.data.pipeline(split, batch_size, training=False). "
            f"Received: {tuple(type(part).__name__ for part in pair)}"
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
