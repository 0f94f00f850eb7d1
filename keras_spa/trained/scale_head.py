"""The second stage: a factor for each class of a trained classifier."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_spa._types import Dataset, Shape, Tensor
from keras_spa.trained import _head_training
from keras_spa.trained._copy import checked_copy, set_classifier
from keras_spa.trained._passes import collected
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer


def scale_head(
    model: keras.Model,
    dataset: Dataset,
    loss: keras.losses.Loss | None = None,
    augment: Callable[[Any], Any] | Dataset | None = None,
    sampling: str = "class_balanced",
    steps: int = 2000,
    optimizer: keras.optimizers.Optimizer | None = None,
    batch_size: int = 256,
    seed: int = 0,
    verbose: str | int = "auto",
    head: keras.Layer | str | None = None,
) -> keras.Model:
    """A copy of a trained classifier with a learnt scale for each class (LWS).

    The weight and bias of class c are multiplied by a factor f_c, which begins at 1:

    `z'_c = f_c·(w_c·h + b_c)`, `min E_c E_{h|c} loss(z', c)`, c uniform.

    The logits are computed once. Nothing but the K factors is trained.

    Args:
        model, dataset, verbose, head: As in `align`.
        loss, augment, sampling, steps, optimizer, batch_size, seed: As in
            `retrain_head`.

    Returns:
        A new model of the same type, compiled as `model` is, as `align` gives it.

    Raises:
        ValueError: as `retrain_head`.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> x, y = np.random.rand(60, 4), np.repeat([0, 1, 2], [40, 15, 5])
    >>> scaled = spa.trained.scale_head(model, (x, y), steps=20, verbose=0)
    >>> ratio = np.array(scaled.layers[0].kernel) / np.array(model.layers[0].kernel)
    >>> bool(np.allclose(ratio, ratio[0]))
    True

    Reference: learnable weight scaling of Kang et al. (ICLR 2020), "Decoupling
    Representation and Classifier for Long-Tailed Recognition", section 4.2.
    """
    training = _head_training.Training(
        loss, optimizer, sampling, steps, batch_size, seed, verbose
    )
    observer = Observer(model, head)
    copy = checked_copy(model, observer, dataset, batch_size)
    weights, biases = linear_classifier(observer.model)
    seen = _head_training.observed(observer, dataset, augment, batch_size, verbose)
    logits, labels = collected((logits, logits, labels) for _, logits, labels in seen)
    _head_training.check_all_classes(labels, observer.num_classes)
    layer = _Scale()
    new = keras.Sequential([keras.Input(logits.shape[1:]), layer])
    training.fit(new, logits, labels)
    factors = ops.convert_to_numpy(layer.factors)
    done = f"Weights and biases scaled by class, steps: {steps}, sampling: {sampling}."
    scaled_biases = None if biases is None else factors * biases
    classifier = factors[:, None] * weights, scaled_biases
    set_classifier(model, observer, copy, classifier, done)
    return copy


class _Scale(keras.layers.Layer):
    """Logits times a factor a class."""

    def __init__(self) -> None:
        super().__init__(dtype="float32")

    def build(self, input_shape: Shape) -> None:
        self.factors = self.add_weight(shape=input_shape[-1:], initializer="ones")

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * self.factors
