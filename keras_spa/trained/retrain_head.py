"""The second stage: a classifier of its own for features that stay as they are."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_spa._types import Dataset
from keras_spa.alignment._kernel import Alignments, as_list
from keras_spa.models import SpAModel
from keras_spa.trained import _head_training
from keras_spa.trained._copy import checked_copy, set_classifier
from keras_spa.trained._passes import collected
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer


def retrain_head(
    model: keras.Model,
    dataset: Dataset,
    alignment: Alignments = None,
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
    """A copy of a trained classifier whose last layer is trained anew (cRT).

    Features h are computed once, in inference mode, and stay as they are. Kernel and
    bias begin at random, as a new Dense does, and are trained on batches in which each
    class comes as often as another:

    `min E_c E_{h|c} loss(W·h + b, c)`, c uniform over the classes.

    Features are divided by their root mean square s while it trains, and the kernel
    afterwards, so that no learning rate depends on their scale.

    Args:
        model: As in `align`: a `SpAModel`, or any Keras model that
            `SpAModel.from_model` can split, with a classifier `h @ kernel + bias`. It
            stays as it is.
        dataset: The training images without augmentation: arrays or batches, as in
            `diagnose`. Their features are kept, in 4·N·d bytes, and in
            twice as many for a moment.
        alignment: An `Alignment`, several in a list or one by name, which is at work
            in every step, as in a `SpAModel`. Defaults to None.
        loss: A loss of integer labels and logits, such as
            `losses.BalancedSoftmax(class_counts)` with `sampling="instance"`. Defaults
            to None, cross-entropy.
        augment: The augmentation of the training, as in `align`: the features are then
            those of images that were augmented once. Optional.
        sampling: `"class_balanced"` (default), `"instance"` or `"reverse"`, as in
            `data.epoch_order`.
        steps: Batches to train on. Defaults to 2000, whatever the number of images.
        optimizer: One of Keras. Defaults to None, Adam with a rate that falls from
            0.01 to 0 along a cosine. Kang et al. take
            `SGD(CosineDecay(0.2, steps), momentum=0.9)`.
        batch_size: Defaults to 256.
        seed: Of initial weights and batches. Defaults to 0.
        verbose: `"auto"` or 1 for progress bars, 0 for none.
        head: The classifier within `model`, as in `SpAModel.from_model`. Defaults to
            None, the last layer; subclassed models need it.

    Returns:
        A new model of the same type, compiled as `model` is, as `align` gives it.

    Raises:
        ValueError: as `align`; data that lack a class; an argument out of range; a loss
            that is not finite.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"),
    ...                           keras.layers.Dense(3)])
    >>> x, y = np.random.rand(60, 4), np.repeat([0, 1, 2], [40, 15, 5])
    >>> retrained = spa.trained.retrain_head(model, (x, y), steps=20, verbose=0)
    >>> bool(keras.ops.all(retrained.layers[0].kernel == model.layers[0].kernel))
    True

    Reference: classifier re-training of Kang et al. (ICLR 2020), "Decoupling
    Representation and Classifier for Long-Tailed Recognition", section 4.2; the
    optimizer and alignment during it are ours.
    """
    training = _head_training.Training(
        loss, optimizer, sampling, steps, batch_size, seed, verbose
    )
    alignments = as_list(alignment)
    observer = Observer(model, head)
    copy = checked_copy(model, observer, dataset, batch_size)
    seen = _head_training.observed(observer, dataset, augment, batch_size, verbose)
    features, labels = collected(seen)
    _head_training.check_all_classes(labels, observer.num_classes)
    has_bias = linear_classifier(observer.model)[1] is not None
    scale = _head_training.root_mean_square(features)
    features /= np.float32(scale)
    new = SpAModel(
        keras.Sequential(
            [keras.Input(features.shape[1:]), keras.layers.Identity(dtype="float32")]
        ),
        keras.layers.Dense(
            observer.num_classes,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            use_bias=has_bias,
            dtype="float32",
        ),
        alignments,
    )
    training.fit(new, features, labels)
    weights, biases = linear_classifier(new)
    done = (
        f"Classifier trained anew on its features, steps: {steps}, sampling: "
        f"{sampling}, alignment: {', '.join(map(repr, alignments)) or 'none'}."
    )
    set_classifier(model, observer, copy, (weights / scale, biases), done)
    return copy
