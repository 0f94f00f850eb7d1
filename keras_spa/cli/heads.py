"""Classifiers without a bias, which the rule of `align` needs."""

import keras

import keras_spa as spa
from keras_spa.models._surgery.logits import head_of


def with_bias(model: keras.Model) -> tuple[keras.Model, str]:
    """The model as the rule takes it, and a sentence if its classifier was another."""
    head = head_of(spa.trained.Observer(model).model.classifier)
    cosine = isinstance(head, (spa.layers.CosineDense, spa.layers.ETFDense))
    if not cosine and getattr(head, "bias", False) is not None:
        return model, ""
    try:
        converted = spa.trained.convert_head(model)
    except ValueError as error:
        raise ValueError(f"The classifier has no bias. {error}") from None
    kind, on = ("cosine ", " of unit features") if cosine else ("", "")
    return converted, f"The {kind}classifier had no bias: it became a Dense{on}. "
