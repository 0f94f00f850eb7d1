"""Tau-normalisation: lengths of weights taken out of a trained classifier."""

import numbers

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, Dataset
from keras_spa.metrics.per_class import accuracy_per_class
from keras_spa.models._surgery.copy import uncompiled_copy
from keras_spa.trained._copy import checked_copy, set_classifier
from keras_spa.trained._head_training import check_all_classes
from keras_spa.trained._linear import check_linear, check_movable, linear
from keras_spa.trained._passes import collected, finite, naming
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer, observe

TAUS = np.linspace(0, 1, 21)


def normalize_head(
    model: keras.Model,
    held_out: Dataset | None = None,
    tau: float | None = None,
    batch_size: int = 256,
    verbose: str | int = "auto",
    head: keras.Layer | str | None = None,
) -> keras.Model:
    """A copy of a trained classifier with normalised weights (tau-normalisation).

    `w_c <- w_c/‖w_c‖^τ`, `b_c <- 0`. τ = 1 makes all weights unit, τ = 0 takes away the
    biases alone.

    Args:
        model: As in `align`. It stays as it is.
        held_out: Images that the model was not trained on, to choose τ on: that of 0,
            0.05, …, 1 with the highest accuracy, mean over the classes; of equal ones
            the smallest. Needed without `tau`.
        tau: τ, from 0 to 1; nothing is chosen then.
        batch_size: Images at a time, for arrays. Defaults to 256.
        verbose: `"auto"` or 1 for a progress bar, 0 for none.
        head: The classifier within `model`, as in `SpAModel.from_model`. Defaults to
            None, the last layer; subclassed models need it.

    Returns:
        A new model of the same type, compiled as `model` is, as `align` gives it.

    Raises:
        ValueError: as `align`; neither `tau` nor `held_out`, or both; held-out images
            that lack a class; weights of length zero.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> normalized = spa.trained.normalize_head(model, tau=1)
    >>> print(np.linalg.norm(normalized.layers[0].kernel, axis=0).round(3))
    [1. 1. 1.]

    Reference: τ-normalized classifier of Kang et al. (ICLR 2020), "Decoupling
    Representation and Classifier for Long-Tailed Recognition", section 4.2.
    """
    if (tau is None) == (held_out is None):
        raise ValueError(
            "Argument `tau` must be a number from 0 to 1, or None with `held_out` "
            f"images to choose it on. Received: tau={tau}, held_out of type "
            f"{type(held_out).__name__}"
        )
    if isinstance(held_out, numbers.Real):
        number = float(held_out)
        raise ValueError(
            "Argument `held_out` must be (images, labels) arrays, or batches of them. "
            f"Received: {held_out!r}; for τ = {number:g} pass tau={number}"
        )
    observer = Observer(model, head)
    check_movable(observer)
    weights, biases = linear_classifier(observer.model)
    lengths = np.linalg.norm(weights.astype("float64"), axis=1, keepdims=True)
    if not lengths.all():
        raise ValueError(
            "Argument `model` must have a classifier without weights of length zero. "
            f"Received: one of class {int(np.argmin(lengths))}"
        )
    if tau is None:
        with naming("held_out"):
            copy = checked_copy(model, observer, held_out, batch_size)
            observed = linear(
                observe(observer, held_out, batch_size, verbose), observer
            )
            features, labels = collected(finite(observed, "held_out"))
        check_all_classes(labels, len(weights), "held_out")
        tau = _best(weights, lengths, features, labels)
    else:
        tau = _checks.number("tau", tau, 0, 1)
        check_linear(observer)
        copy = uncompiled_copy(model)
    done = f"Weights divided by their lengths to the power {tau:g}, without biases."
    no_biases = None if biases is None else np.zeros_like(biases)
    set_classifier(model, observer, copy, (weights / lengths**tau, no_biases), done)
    return copy


def _best(weights: Array, lengths: Array, features: Array, labels: Array) -> float:
    products = features @ weights.T
    scores = []
    for tau in TAUS:
        decisions = np.argmax(products / lengths.T**tau, axis=1)
        per_class = accuracy_per_class(decisions, labels, len(weights))
        scores.append(np.nanmean(per_class))
    return float(TAUS[int(np.argmax(scores))])
