import keras


def split_at_last_dense(model):
    """`(backbone, dense)` of a Functional or Sequential model that ends in a Dense.

    Any layer with a (d, K) kernel will do. The backbone is a Functional model over
    the same layers, from the model's inputs to that layer's input.
    """
    advice = "Pass the two parts yourself: SpAModel(backbone, classifier)."
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"Argument `model` must be a keras.Model. Received: model={model!r}"
        )
    outputs = getattr(model, "outputs", None)
    if not outputs:
        raise ValueError(
            "Argument `model` must be a built Sequential or Functional model; give a "
            "Sequential a keras.Input first, or call it once. A subclassed model "
            f"cannot be split. {advice} "
            f"Received: {type(model).__name__} named {model.name!r}"
        )
    if len(outputs) != 1:
        raise ValueError(
            f"Argument `model` must have one output. {advice} "
            f"Received: {len(outputs)} outputs"
        )
    history = outputs[0]._keras_history
    classifier = history.operation
    if len(getattr(getattr(classifier, "kernel", None), "shape", ())) != 2:
        raise ValueError(
            "Argument `model` must end in a keras.layers.Dense, or another layer with "
            "a (d, K) kernel, that gives the logits (leave out a Softmax layer and use "
            f"from_logits=True in the loss). {advice} Received: a model that ends in a "
            f"{type(classifier).__name__} named {classifier.name!r}"
        )
    (features,) = classifier._inbound_nodes[history.node_index].input_tensors
    inputs = model.inputs if isinstance(model, keras.Sequential) else model.input
    backbone = keras.Model(inputs, features, name=f"{model.name}_backbone")
    return backbone, classifier
