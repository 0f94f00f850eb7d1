"""No weight is updated before all passes of its step have read it.

Grappler drops edges that hold updates back, sometimes with what they seemed to follow
from; which steps that spoils is chance, and rare. So this looks at the graph that runs.
"""

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa

if keras.backend.backend() != "tensorflow":
    pytest.skip("graphs of TensorFlow", allow_module_level=True)

import tensorflow as tf
from tensorflow.python.eager import context

pytestmark = pytest.mark.slow
SAMPLES, IMAGE = 16, (toys.INPUTS // 2, 2, 1)


def backbone(shape):
    inputs = keras.Input(shape)
    x = toys.dense(toys.INPUTS, 7)(keras.layers.Flatten()(inputs))
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, toys.dense(7, toys.FEATURES, "tanh")(x))


def spa_model(alignments):
    head = toys.dense(toys.FEATURES, toys.CLASSES)
    return spa.SpAModel(backbone((toys.INPUTS,)), head, alignments), lambda x, y: x


def bcl():
    head = toys.dense(toys.FEATURES, toys.CLASSES)
    parts = backbone((toys.INPUTS,)), head, toys.all_alignments()
    model = spa.models.BCL(*parts, hidden_units=8, embedding_units=3)
    return model, lambda x, y: (x, x + 0.1, 0.9 * x)


def glmc(means):
    head = toys.dense(toys.FEATURES, toys.CLASSES)
    parts = backbone(IMAGE), head, toys.all_alignments()
    counts = np.bincount(toys.data(149)[1])
    kind = {"class_counts": counts, "epochs": 2, "units": 3, "means": means}

    def given(x, y):
        views = x.reshape(-1, *IMAGE), x.reshape(-1, *IMAGE) + 0.1
        others = tuple(view[::-1] for view in views)
        return {"images": views, "partner": others, "partner_labels": y[::-1]}

    return spa.models.GLMC(*parts, **kind, aligned="both", seed=0), given


class OwnMethod(spa.SpAModel):
    """Class means of a pass without gradient, which nothing else knows of."""

    def call(self, x, training=None, return_features=False):
        features, logits = super().call(x + 0.1, training, True)
        clean = keras.ops.stop_gradient(self.backbone(x, training=False))
        return (clean, logits) if return_features else logits


def own_method():
    head = toys.dense(toys.FEATURES, toys.CLASSES)
    parts = backbone((toys.INPUTS,)), head, toys.all_alignments()
    return OwnMethod(*parts), lambda x, y: x


def detached():
    """A penalty that reads weights and moves features alone."""
    return [spa.SpAReg(0.5, gradient="features")]


def spa_dense(alignments):
    """Under Keras' own step."""
    images, labels = keras.Input((toys.INPUTS,)), keras.Input((), dtype="int32")
    head = spa.layers.SpADense(toys.CLASSES, alignments)
    logits = head(backbone((toys.INPUTS,))(images), labels)
    return keras.Model([images, labels], logits), lambda x, y: [x, y]


MODELS = {
    "SpADense": lambda: spa_dense(toys.all_alignments()),
    "SpADense, detached": lambda: spa_dense(detached()),
    "SpAModel": lambda: spa_model(toys.all_alignments()),
    "SpAModel, detached": lambda: spa_model(detached()),
    "plain": lambda: spa_model(None),
    "paper": lambda: spa_model([spa.SpAReg.paper(0.5), spa.SpASLERP.paper(0.1)]),
    "BCL": bcl,
    "GLMC": lambda: glmc("inference"),
    "GLMC, means in training": lambda: glmc("training"),
    "own method": own_method,
}


def graph_that_runs(step, data):
    """The graph of a function before and after Grappler."""
    made = step.get_concrete_function(data).graph
    context.enable_run_metadata()
    try:
        step(data)
        run = context.export_run_metadata()
    finally:
        context.disable_run_metadata()
    ran = [one.post_optimization_graph.node for one in run.function_graphs]
    names = {op.name for op in made.get_operations()}
    return made, max(ran, key=lambda nodes: len(names & {node.name for node in nodes}))


def plain(name):
    """The node that an input comes from."""
    return name.lstrip("^").split(":")[0]


def ancestors(name, nodes):
    found, left = set(), [name]
    while left:
        node = nodes.get(left.pop())
        inputs = {plain(one) for one in node.input} if node else set()
        left += inputs - found
        found |= inputs
    return found


OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_updates_wait_for_every_read(name, optimizer):
    keras.utils.set_random_seed(0)
    model, given = MODELS[name]()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(OPTIMIZERS[optimizer](), loss)
    x, y = toys.data(SAMPLES)
    model.fit(given(x, y), y, batch_size=SAMPLES, verbose=0)
    data = tf.nest.map_structure(tf.convert_to_tensor, (given(x, y), y))
    made, optimized = graph_that_runs(tf.function(model.train_step), data)
    nodes = {node.name: node for node in optimized}
    updates = [op for op in made.get_operations() if op.type.startswith("Assign")]
    held, lost = 0, []
    for update in updates:
        before = ancestors(update.name, nodes)
        for read in update.control_inputs:
            # A read for its shape, which is known, is gone.
            if read.type == "ReadVariableOp" and "/Shape" not in f"/{read.name}":
                held += 1
                lost += [] if read.name in before else [(read.name, update.name)]
    assert held > len(model.trainable_variables)
    assert lost == []
