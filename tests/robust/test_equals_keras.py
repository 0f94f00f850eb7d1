"""A SpAModel without alignment equals plain Keras to the bit, whatever one compiles.

Each row of SETTINGS is a way to compile and fit; what it leaves out is that of `train`.
JAX compiles a whole step as one program, which XLA may sum in another order beside the
class means: there, and there alone, the last bits may differ.
"""

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa

BACKEND = keras.backend.backend()
X, Y = toys.data(40)
ONE_HOT = np.eye(toys.CLASSES, dtype="float32")[Y]
WEIGHTS = np.linspace(0.1, 2, len(Y)).astype("float32")
CLASS_WEIGHTS = {c: 0.5 + c for c in range(toys.CLASSES)}
LOGITS = {"from_logits": True}
SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
losses, metrics = keras.losses, keras.metrics


def schedule():
    return keras.optimizers.schedules.CosineDecay(0.2, 10)


def scaled():
    return keras.optimizers.LossScaleOptimizer(SGD(0.1, momentum=0.9))


class LowerRate(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.1 / (epoch + 1)


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(16 * index, 16 * (index + 1))
        return X[rows], Y[rows], WEIGHTS[rows]


def forever():
    while True:
        for start in (0, 16):
            yield X[start : start + 16], Y[start : start + 16]


def own_loss(y_true, y_pred):
    return losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)


SETTINGS = {
    "plain": {},
    "eager": {"run_eagerly": True},
    "jit": {"jit_compile": True},
    "no jit": {"jit_compile": False},
    "two steps an execution": {"steps_per_execution": 2},
    "clipnorm": {"optimizer": lambda: SGD(0.2, clipnorm=0.1)},
    "global clipnorm": {"optimizer": lambda: SGD(0.2, global_clipnorm=0.1)},
    "clipvalue": {"optimizer": lambda: SGD(0.2, clipvalue=0.02)},
    "ema": {"optimizer": lambda: SGD(0.2, use_ema=True, ema_momentum=0.8)},
    "ema that overwrites": {
        "optimizer": lambda: SGD(0.2, use_ema=True, ema_overwrite_frequency=2)
    },
    "loss scale": {"optimizer": scaled},
    "static loss scale": {"optimizer": lambda: SGD(0.1, loss_scale_factor=8.0)},
    "accumulation": {"optimizer": lambda: Adam(0.1, gradient_accumulation_steps=2)},
    "weight decay": {"optimizer": lambda: keras.optimizers.AdamW(0.1, weight_decay=1)},
    "nesterov": {"optimizer": lambda: SGD(0.1, momentum=0.9, nesterov=True)},
    "rmsprop by name": {"optimizer": lambda: "rmsprop"},
    "schedule": {"optimizer": lambda: Adam(schedule())},
    "sample weights": {"fit": {"sample_weight": WEIGHTS}},
    "class weights": {"fit": {"class_weight": CLASS_WEIGHTS}},
    "weighted metrics": {
        "fit": {"sample_weight": WEIGHTS},
        "weighted_metrics": ["accuracy"],
    },
    "metrics by name": {"metrics": ["accuracy", "sparse_categorical_accuracy"]},
    "metrics in a dict-free nest": {"metrics": [["accuracy"]]},
    "one hot": {
        "loss": lambda: losses.CategoricalCrossentropy(**LOGITS),
        "y": ONE_HOT,
        "metrics": ["accuracy", "mse"],
    },
    "label smoothing": {
        "loss": lambda: losses.CategoricalCrossentropy(label_smoothing=0.1, **LOGITS),
        "y": ONE_HOT,
    },
    "a column of labels": {"y": Y[:, None]},
    "a function as loss": {"loss": lambda: own_loss},
    "loss weights": {"loss_weights": 0.3},
    "sum": {
        "loss": lambda: losses.SparseCategoricalCrossentropy(reduction="sum", **LOGITS),
        "optimizer": lambda: SGD(0.01),
    },
    "mean with weights": {
        "loss": lambda: losses.SparseCategoricalCrossentropy(
            reduction="mean_with_sample_weight", **LOGITS
        ),
        "fit": {"sample_weight": WEIGHTS},
    },
    "balanced softmax": {"loss": lambda: spa.losses.BalancedSoftmax([9, 5, 3, 1])},
    "validation": {"fit": {"validation_data": (X[:20], Y[:20], WEIGHTS[:20])}},
    "validation split": {"fit": {"validation_split": 0.25, "validation_freq": 2}},
    "shuffled": {"fit": {"shuffle": True, "epochs": 3}},
    "later epochs": {"fit": {"initial_epoch": 1, "epochs": 3}},
    "few steps": {"fit": {"steps_per_epoch": 2}},
    "PyDataset": {"fit": {"x": Pairs, "y": None, "batch_size": None}},
    "generator": {
        "fit": {"x": forever, "y": None, "batch_size": None, "steps_per_epoch": 2}
    },
    "callbacks": {"fit": {"callbacks": [LowerRate], "epochs": 3}},
    "mixed bfloat16": {"policy": "mixed_bfloat16"},
    "mixed float16": {"policy": "mixed_float16"},
    "a frozen backbone": {"frozen": "backbone"},
    "a regularizer": {"regularizer": keras.regularizers.L2(0.05)},
    "dropout and batch normalisation": {"noisy": True},
}
COMPILED = ("metrics", "weighted_metrics", "loss_weights")
COMPILED += ("run_eagerly", "jit_compile", "steps_per_execution")


def make(kind, setting):
    """A plain model, or one of ours on equal layers."""
    keras.utils.set_random_seed(7)
    keras.config.set_dtype_policy(setting.get("policy", "float32"))
    layers = [keras.Input((toys.INPUTS,)), toys.dense(toys.INPUTS, toys.FEATURES)]
    if setting.get("noisy"):
        normalization = keras.layers.BatchNormalization()
        layers += [normalization, keras.layers.Dropout(0.3, seed=1)]
    classifier = toys.dense(toys.FEATURES, toys.CLASSES)
    classifier.kernel.regularizer = setting.get("regularizer")
    backbone = keras.Sequential([*layers, keras.layers.Activation("tanh")])
    backbone.trainable = setting.get("frozen") != "backbone"
    if kind == "plain":
        return keras.Sequential([backbone, classifier])
    return spa.SpAModel(backbone, classifier)


def train(kind, setting):
    """Logs of fit and evaluate, predictions, and weights after training."""
    model = make(kind, setting)
    optimizer = setting.get("optimizer", lambda: SGD(0.1, momentum=0.9))()
    loss = setting.get("loss", lambda: losses.SparseCategoricalCrossentropy(**LOGITS))()
    compiled = {name: setting[name] for name in COMPILED if name in setting}
    model.compile(optimizer, loss, **{"metrics": ["accuracy"], **compiled})
    fed = {"batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0}
    fed |= {"x": X, "y": setting.get("y", Y)} | setting.get("fit", {})
    if callable(fed["x"]):
        fed["x"] = fed["x"]()
    fed["callbacks"] = [callback() for callback in fed.get("callbacks", [])]
    logs = model.fit(**fed).history
    # Before `evaluate`: on JAX, Keras' own gives away arrays that an average shares.
    state = [keras.ops.convert_to_numpy(w) for w in model.optimizer.variables]
    y = setting.get("y", Y)
    listed = model.evaluate(X, y, batch_size=16, verbose=0)
    weights = [keras.ops.convert_to_numpy(w) for w in model.trainable_variables]
    return logs, listed, model.predict(X, verbose=0), weights, state


def assert_almost_equal(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", SETTINGS)
def test_without_alignment_it_equals_plain_keras_to_the_bit(name):
    setting = SETTINGS[name]
    if setting.get("jit_compile") and BACKEND == "torch":
        pytest.skip("torch.compile needs a compiler, and minutes")
    if setting.get("steps_per_execution") and BACKEND == "torch":
        pytest.skip("Keras takes one step an execution on PyTorch")
    logs, *expected = train("plain", setting)
    ours, *actual = train("ours", setting)
    shown = {name for name in ours if name.endswith("alignment")}
    assert shown
    assert ours.keys() - shown == logs.keys()
    actual = [[ours[name] for name in logs], *actual]
    expected = [list(logs.values()), *expected]
    for one, other in zip(actual, expected, strict=True):
        if BACKEND == "jax":
            assert_almost_equal(one, other)
        else:
            np.testing.assert_equal(one, other)
