import numpy as np
from keras import ops

from keras_spa._types import Array
from keras_spa.layers._cosine import CosineLayer
from keras_spa.metrics import _collapse
from keras_spa.models._surgery.logits import Logits
from keras_spa.models.spa_model import SpAModel


def linear_classifier(model: SpAModel) -> tuple[Array, Array | None]:
    """Weights and biases that decide as the classifier of a `SpAModel`.

    Classifiers that see directions only (`CosineDense`, `ETFDense`) decide as their
    weights' directions do.

    Args:
        model: A built `SpAModel`; of another Keras model
            `trained.Observer(model).model`.

    Returns:
        `(weights, biases)`: NumPy arrays (K, d) and (K,), float32, or float64 for
        weights made unit; None for a classifier without biases.

    Example:

    >>> import keras
    >>> import keras_spa as spa
    >>> backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> model = spa.SpAModel(backbone, keras.layers.Dense(3))
    >>> weights, biases = spa.trained.linear_classifier(model)
    >>> weights.shape, biases.shape
    ((3, 4), (3,))

    Reference: ours.
    """
    weights = ops.convert_to_numpy(ops.cast(model.aligned_kernel, "float32")).T
    classifier = model.classifier
    if isinstance(classifier, Logits):
        classifier = classifier.head
    if isinstance(classifier, CosineLayer):
        return _collapse.unit(np.asarray(weights, "float64")), None
    biases = getattr(classifier, "bias", None)
    if biases is not None:
        biases = ops.convert_to_numpy(ops.cast(biases, "float32"))
    return weights, biases
