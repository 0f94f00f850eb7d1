"""Another form of a trained classifier: a Dense with a bias, of the same logits."""

from typing import NoReturn

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.models._surgery.fresh_inputs import fresh_inputs
from keras_spa.models._surgery.linear_map import LinearMap
from keras_spa.models._surgery.logits import head_of, logits_layer
from keras_spa.models._surgery.split import is_graph
from keras_spa.models._surgery.up_to_head import UpToHead
from keras_spa.models.spa_model import SpAModel
from keras_spa.trained._linear import check_whole
from keras_spa.trained.linear_classifier import readable
from keras_spa.trained.observe import Observer


def convert_head(model: keras.Model, scale: float | None = None) -> SpAModel:
    """The same model with a Dense classifier that has a bias, as `align` needs it.

    A cosine classifier `s·ŵ_c·ĥ` becomes a layer that makes features unit and a Dense
    of weights `s·ŵ_c`; any other linear one a Dense of the weights that it computes
    with. The biases of one that has none begin at 0. Logits stay what they were, times
    `scale`, but for rounding.

    Args:
        model: A trained `SpAModel`, Sequential or Functional model, as in `align`. It
            stays as it is.
        scale: What the loss multiplied the logits by, positive; the new ones are
            multiplied by it. Needed of bare cosines, whose probabilities mean nothing
            without: 30 by default of `losses.LDAM`, 1 if they were taken as they are.
            Where a loss knows no scale, as `losses.DotRegression`, give 30 and let
            `align` fit it on `held_out` images. Defaults to None: 1, and a ValueError
            for bare cosines.

    Returns:
        A `SpAModel` that shares all layers before the classifier with `model`, with
        its card. It gives logits, also where `model` ends in a softmax. Of its training
        nothing stays but the momentum of class means: it is not compiled, has no
        alignment, no views of GLMC or BCL, and its classifier is trainable, without
        regularizer or constraint.

    Raises:
        ValueError: a classifier that is neither linear nor a cosine, is quantized, has
            LoRA, or has to be read off its outputs in half precision; a subclassed
            model, or one that is not built; bare cosines without `scale`; weights that
            are not finite, or that `scale` makes so, or 0.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> cosines = spa.layers.CosineDense(3)
    >>> model = keras.Sequential([keras.Input((4,)), cosines])
    >>> x, y = np.random.rand(60, 4), np.repeat([0, 1, 2], [40, 15, 5])
    >>> converted = spa.trained.convert_head(model)
    >>> before, after = (m.predict(x, verbose=0) for m in (model, converted))
    >>> bool(np.allclose(after, before, atol=1e-4))
    True
    >>> aligned = spa.align(converted, (x, y), verbose=0)

    Reference: ours.
    """
    if scale is not None:
        scale = _checks.positive("scale", scale)
    known = isinstance(model, (SpAModel, keras.Sequential))
    if isinstance(model, keras.Model) and not known and not is_graph(model):
        _refuse_subclassed(model)
    observer = Observer(model)
    old = observer.model
    if isinstance(old.backbone, UpToHead):
        _refuse_subclassed(old.backbone.model)
    check_whole(observer)
    read = readable(old)
    head = head_of(old.classifier)
    if read.kind == "read" and head.compute_dtype in ("float16", "bfloat16"):
        raise ValueError(
            "Argument `model` must have a classifier that computes in float32, for its "
            f"weights are read off its outputs. Received: {_checks.named(head)}, in "
            f"{head.compute_dtype}"
        )
    if scale is None and read.bare:
        raise ValueError(
            "Argument `scale` of keras_spa.trained.convert_head must be what the loss "
            "multiplied the logits by, for a classifier of bare cosines: 30 by default "
            "of LDAM, 1 if they were taken as they are. Received: scale=None"
        )
    kernel, biases = _kernel_and_biases(read, 1.0 if scale is None else scale)
    backbone = old.backbone
    if read.kind == "cosine":
        backbone = _unit_features(backbone)
    dense = keras.layers.Dense(len(biases), dtype=head.dtype_policy, name="classifier")
    converted = SpAModel(
        backbone,
        logits_layer(dense, getattr(old.classifier, "logits_dtype", None)),
        momentum=old.momentum,
        card=old.card,
        dtype=old.dtype_policy,
    )
    if not converted.built:
        converted.build(old.get_build_config()["input_shape"])
    dense.set_weights([kernel, biases])
    return converted


def _refuse_subclassed(model: keras.Model) -> NoReturn:
    raise ValueError(
        "Argument `model` must be a SpAModel, Sequential or Functional model: of a "
        "subclassed one the old head would stay a part. Give its class a "
        "keras.layers.Dense(K) in place of the head, behind a "
        "keras.layers.UnitNormalization() in place of a cosine one, and let "
        f"`set_weights` give it the weights. Received: {_checks.named(model)}"
    )


def _unit_features(backbone: keras.Layer) -> keras.Model:
    """The backbone, and its features made unit in float32, as a cosine sees them."""
    unit = keras.layers.UnitNormalization(dtype="float32", name="unit_features")
    if not getattr(backbone, "inputs", None):
        return keras.Sequential([backbone, unit], name="unit_backbone")
    inputs = fresh_inputs(backbone)
    return keras.Model(inputs, unit(backbone(inputs)), name="unit_backbone")


def _kernel_and_biases(read: LinearMap, scale: float) -> tuple[Array, Array]:
    """(d, K) and (K,), which float32 holds."""
    factor = scale * (read.scale if read.kind == "cosine" else 1.0)
    biases = np.zeros(len(read.weights)) if read.biases is None else read.biases
    with np.errstate(over="ignore"):
        kernel, biases = (
            np.asarray(factor * a.astype("float64"), "float32")
            for a in (read.weights.T, biases)
        )
    finite = np.isfinite(kernel).all() and np.isfinite(biases).all()
    if not finite or (read.weights.any() and not kernel.any()):
        raise ValueError(
            "Argument `model` must have a classifier whose weights are finite, and "
            "times `scale` too, and not all 0 by it. Received: "
            f"{np.abs(read.weights).max():.3g} as the largest, scale={scale:g}"
        )
    return kernel, biases
