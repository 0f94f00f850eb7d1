"""Classifiers without a bias, which the rule of `align` needs."""

import keras

import keras_spa as spa
from keras_spa.models._surgery.fresh_inputs import fresh_inputs
from keras_spa.models._surgery.logits import head_of
from keras_spa.models._surgery.split import gives_probabilities


def with_bias(model: keras.Model) -> tuple[keras.Model, str]:
    """The model as the rule takes it, and a sentence if its classifier was another.

    It gives logits or probabilities as it did, and is a `SpAModel` if it was one.
    """
    head = head_of(spa.trained.Observer(model).model.classifier)
    cosine = isinstance(head, (spa.layers.CosineDense, spa.layers.ETFDense))
    if not cosine and getattr(head, "bias", False) is not None:
        return model, ""
    try:
        converted = spa.trained.convert_head(model)
    except ValueError as error:
        if str(error).startswith("Argument `scale`"):  # which the command has not
            error = ValueError(
                "MODEL gives bare cosines, and its file does not say what the loss "
                "multiplied them by. In Python, keras_spa.trained.convert_head("
                "keras.saving.load_model(MODEL), scale=30), or whatever it was, gives "
                "a model to save and align"
            )
        raise ValueError(f"The classifier has no bias. {error}") from None
    kind, on = ("cosine ", " of unit features") if cosine else ("", "")
    told = f"The {kind}classifier had no bias: it became a Dense{on}. "
    if isinstance(model, spa.SpAModel):
        return converted, told
    inputs = fresh_inputs(converted.backbone)
    outputs = converted.classifier(converted.backbone(inputs))
    if gives_probabilities(model):
        outputs = keras.layers.Softmax(name="probabilities")(outputs)
    return keras.Model(inputs, outputs, name=model.name), told
