"""Another form of a trained classifier: a Dense with a bias, of the same logits."""

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.models._surgery.linear_map import LinearMap, quantization
from keras_spa.models._surgery.logits import head_of
from keras_spa.models.spa_model import SpAModel
from keras_spa.trained.linear_classifier import readable
from keras_spa.trained.observe import Observer


def convert_head(
    model: keras.Model,
    scale: float | None = None,
    head: keras.Layer | str | None = None,
) -> SpAModel:
    """The same model with a Dense classifier that has a bias, as `align` needs it.

    A cosine classifier `s·ŵ_c·ĥ` becomes a layer that makes features unit and a Dense
    of weights `s·ŵ_c`; any other linear one a Dense of the weights that it computes
    with. The biases of one that has none begin at 0. Logits stay what they were, times
    `scale`.

    Args:
        model: A trained model, as in `align`. It stays as it is.
        scale: What logits are multiplied by, positive. Needed of bare cosines, where
            the loss multiplied them: 30 by default of `losses.LDAM`. Defaults to None:
            1, and a ValueError for bare cosines.
        head: The classifier within `model`, as in `align`. Defaults to None, the last
            layer; subclassed models need it.

    Returns:
        A `SpAModel` that shares all layers before the classifier with `model`, with
        its card, without an alignment and not compiled. It gives logits, also where
        `model` ends in a softmax.

    Raises:
        ValueError: a classifier that is neither linear nor a cosine, bare cosines
            without `scale`, a `scale` out of range.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> cosines = spa.layers.CosineDense(3)
    >>> model = keras.Sequential([keras.Input((4,)), cosines])
    >>> x, y = np.random.rand(60, 4), np.repeat([0, 1, 2], [40, 15, 5])
    >>> converted = spa.trained.convert_head(model)
    >>> bool(np.allclose(converted(x), model(x), atol=1e-4))
    True
    >>> aligned = spa.align(converted, (x, y), verbose=0)

    Reference: ours.
    """
    observer = Observer(model, head)
    read = readable(observer.model)
    if scale is not None:
        scale = _checks.positive("scale", scale)
    elif read.kind == "cosine" and abs(read.scale - 1) < 0.01:
        raise ValueError(
            "Argument `scale` must be what the loss multiplied the logits by, for a "
            "classifier whose logits are bare cosines: 30 by default of "
            "keras_spa.losses.LDAM. Received: scale=None"
        )
    backbone, classifier = observer.model.backbone, observer.model.classifier
    if read.kind == "cosine":
        backbone = _unit_features(backbone)
    old = head_of(classifier)
    dtype = old.compute_dtype if quantization(classifier) else old.dtype_policy
    dense = keras.layers.Dense(len(read.weights), dtype=dtype, name="classifier")
    converted = SpAModel(
        backbone, dense, card=observer.model.card, dtype=observer.model.dtype_policy
    )
    if not converted.built:
        converted.build(observer.model.get_build_config()["input_shape"])
    dense.set_weights(_kernel_and_bias(read, 1.0 if scale is None else scale))
    return converted


def _unit_features(backbone: keras.Layer) -> keras.Model:
    """The backbone, and its features made unit in float32, as a cosine sees them."""
    unit = keras.layers.UnitNormalization(dtype="float32", name="unit_features")
    if not getattr(backbone, "inputs", None):
        return keras.Sequential([backbone, unit], name="unit_backbone")
    sequential = isinstance(backbone, keras.Sequential)
    inputs = keras.tree.map_structure(
        lambda tensor: keras.Input(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name
        ),
        backbone.inputs[0] if sequential else backbone.input,
    )
    return keras.Model(inputs, unit(backbone(inputs)), name="unit_backbone")


def _kernel_and_bias(read: LinearMap, scale: float) -> tuple[Array, Array]:
    weights = scale * read.weights.T
    if read.kind == "cosine":
        weights = read.scale * weights
    biases = np.zeros(len(read.weights)) if read.biases is None else read.biases
    return weights, scale * biases
