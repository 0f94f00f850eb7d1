from keras_spa import _checks
from keras_spa._types import Array
from keras_spa._warn import warn
from keras_spa.models._surgery.linear_map import LinearMap, is_whole, linear_map
from keras_spa.models._surgery.logits import head_of
from keras_spa.models.spa_model import SpAModel


def linear_classifier(model: SpAModel) -> tuple[Array, Array | None]:
    """Weights and biases that decide as the classifier of a `SpAModel`.

    They are those that it computes with, as its outputs show: of a quantized kernel
    what its codes stand for, of LoRA the sum, of a scale the product. Classifiers that
    see directions only (`CosineDense`, `ETFDense`) decide as their weights' directions
    do.

    Args:
        model: A built `SpAModel`; of another Keras model
            `trained.Observer(model).model`.

    Returns:
        `(weights, biases)`: NumPy arrays (K, d) and (K,), float32, or float64 for
        weights made unit; None for a classifier without biases.

    Raises:
        ValueError: a classifier whose logits are neither `h @ weights + biases` of
            features h nor cosines with weights.

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
    read = readable(model)
    if read.kind == "read" and is_whole(model.classifier):
        warn(
            f"The {_checks.named(head_of(model.classifier))} computes something else "
            "than `h @ kernel + bias`: its weights are read off its outputs.",
        )
    return read.weights, read.biases


def readable(model: SpAModel) -> LinearMap:
    """What the classifier computes; raises if that is no `LinearMap`."""
    if not isinstance(model, SpAModel):
        raise ValueError(
            "Argument `model` must be a SpAModel, as SpAModel.from_model(model) makes "
            f"one of any other. Received: {type(model).__name__}"
        )
    read = linear_map(model.classifier)
    if read is None:
        head = _checks.named(head_of(model.classifier))
        raise ValueError(
            "Argument `model` must have a classifier that is linear, `h @ kernel + "
            "bias`, or the cosine of features and kernel, without an activation or "
            f"anything else of its own. Received: {head}, which does something else"
        )
    return read
