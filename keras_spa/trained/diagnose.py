"""What alignment a trained classifier has, and what the lack of it costs."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_spa.metrics import _inputs
from keras_spa.metrics.neural_collapse import NeuralCollapse
from keras_spa.trained._linear import as_read
from keras_spa.trained.collapse_report import CollapseReport
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer, observe


def diagnose(
    model: keras.Model | Observer,
    dataset: Any,
    class_counts: Sequence[float] | None = None,
    class_names: Sequence[str] | None = None,
    batch_size: int = 256,
    verbose: str | int = "auto",
    head: keras.Layer | str | None = None,
) -> CollapseReport:
    """Measures neural collapse and alignment of a classifier, class by class.

    One pass over the data in inference mode. Features are the inputs of the model's
    last layer with a kernel; its weights are compared with their class means, and with
    the weights that are optimal in the noise of the features (docs/theory.md, T7): with
    `Σ⁻¹m_c`, Σ being the within-class covariance averaged over the classes and shrunk
    by 0.1, as in `align`. Diagnose the training images without augmentation for what
    training has led to (NC1 to NC4 are meant so), test images for what the classifier
    meets in use.

    Features are kept up to 1 GiB. If there are more, NC4 and Σ are those of a random
    sample, as many images of each class, and `notes` say so; all else is exact.

    Args:
        model: A `SpAModel`, or any Keras model that `SpAModel.from_model` can split. It
            is left as it is.
        dataset: `(images, labels)` arrays, a `tf.data.Dataset`, a PyTorch DataLoader, a
            `keras.utils.PyDataset`, or any iterable of batches `(images, labels)`; also
            of `{"image": ..., "label": ...}`, as TensorFlow Datasets gives them.
            Labels are integers (B,) or (B, 1), or one-hot (B, K).
        class_counts: n, training images of each class (K,), which order classes from
            head to tail and make many, medium and few shot. Defaults to the images of
            each class in `dataset`.
        class_names: K strings for tables and pictures. Defaults to the class numbers.
        batch_size: Images at a time, for arrays. Defaults to 256.
        verbose: `"auto"` or 1 for a progress bar, 0 for none.
        head: The classifier within `model`, as in `SpAModel.from_model`. Defaults to
            None, the last layer; subclassed models need it.

    Returns:
        A `CollapseReport`. `print(report)` gives its verdict.

    Raises:
        ValueError: a model that cannot be split, labels that do not fit its classes,
            no images, images of fewer than two classes, or features that are not finite
            (with the batch).

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> etf = spa.theory.simplex_etf(3, 4)
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> model.layers[0].set_weights([etf.T, np.zeros(3)])
    >>> labels = np.arange(90) % 3
    >>> noise = np.random.RandomState(0).normal(size=(90, 4)) * [0.8, 0.2, 0.2, 0.2]
    >>> report = spa.diagnose(model, (etf[labels] + noise, labels), verbose=0)
    >>> print(report)
    Misaligned: mean cosine 0.71 of weights and optimal ones, in the metric of the
    noise. The classifier uses 67 % of the error exponent that its features allow.
    Accuracy 85.6 %. `keras_spa.align` moves the classifier towards the optimum, without
    training.
    >>> print(round(report.metrics["nc3_cosine"], 2))  # with plain class means
    0.98

    Reference: the measures are those of `metrics.NeuralCollapse`; the report is ours.
    """
    observer = model if isinstance(model, Observer) else Observer(model, head)
    num_classes = observer.num_classes
    names = _inputs.class_names(class_names, num_classes)
    collapse = NeuralCollapse(num_classes, class_counts)
    right = np.zeros(num_classes)
    seen = observe(observer, dataset, batch_size, verbose)
    for features, logits, labels in as_read(seen, observer):
        collapse.update_state(features, labels, logits)
        hits = labels[np.argmax(logits, axis=-1) == labels]
        right += np.bincount(hits, minlength=num_classes)
    images = collapse.counts
    accuracies = np.where(images > 0, right / np.maximum(images, 1), np.nan)
    weights, biases = linear_classifier(observer.model)
    return CollapseReport.from_collapse(collapse, weights, biases, accuracies, names)
