"""Wild inputs of `trained`: models, data sets, and what is found out about them."""

import keras
import numpy as np

import keras_spa as spa
from wild import frames, pools
from wild.judge import ANY, SAME, UNDEFINED, Fresh, Subject, Wild

K, D, N = 3, 4, 24
Y = np.arange(N) % K
X = (np.random.RandomState(0).randint(-8, 9, (N, D)) / 8).astype("float32")
X[np.arange(N), Y] += 1
COUNTS = [16, 8, 4]


def plain(units=K, **kwargs):
    layer = keras.layers.Dense(units, **kwargs)
    layer.build((None, D))
    kernel = np.arange(D * units, dtype="float32").reshape(D, units) % 5 / 4
    layer.set_weights([kernel, np.zeros(units)])
    return keras.Sequential([keras.Input((D,)), layer])


MODEL = plain()
HELD_OUT = X + 0.125, Y
# Once only, for what takes batches: what follows the first look is the same.
OBSERVER = spa.trained.Observer(MODEL)
NO_MODEL = [
    *pools.NOTHING,
    Wild("a layer", keras.layers.Dense(K)),
    Wild("a path", "model.keras"),
    Wild("a class", keras.Sequential),
    Wild("a list", [MODEL]),
    Wild("not built", keras.Sequential([keras.layers.Dense(K)])),
    Wild("without layers", keras.Sequential([keras.Input((D,))])),
    Wild(
        "without a kernel", keras.Sequential([keras.Input((D,)), keras.layers.ReLU()])
    ),
]
NO_PAIRS = [
    *pools.NOTHING,
    Wild("x alone", (X,)),
    Wild("three", (X, Y, Y)),
    Wild("a list of arrays", [X, Y]),
    Wild("no batches", []),
    Wild("numbers", [1, 2]),
    Wild("another d", (X[:, :-1], Y)),
    Wild("no rows", (X[:0], Y[:0])),
    Wild("pairs of numbers", [(1, 2)]),
    Wild("text images", (X.astype(str), Y)),
    Wild("images of None", (np.full((N, D), None), Y)),
    Wild("complex images", (X + 1j, Y)),
    Wild("dates", (X.astype("M8[D]"), Y)),
    Wild("a batch of texts", [("a", "b")]),
    Wild("a batch of None", [None]),
    Wild(
        "NaN", (np.where(np.arange(D) == 0, np.nan, X).astype("float32"), Y), UNDEFINED
    ),
]
LABELS = [
    w for w in pools.labels(Y, K, fits=("no rows",)) if w.label not in ("no rows",)
]
LABELS = [
    w._replace(value=(X, w.value), label=f"labels: {w.label}")
    for w in LABELS
    if not isinstance(w.value, Fresh)
]
GOOD_PAIRS = [
    Wild("float64", (X.astype("float64"), Y), SAME),
    Wild("batches", [(X, Y)], SAME),
    Wild("a dict", {"image": X, "label": Y}, SAME),
    Wild("tensors", tuple(map(keras.ops.convert_to_tensor, (X, Y))), SAME),
]
DATASET = [*NO_PAIRS, *LABELS, *GOOD_PAIRS, *frames.pairs(X, Y)]
ONE_PASS = [Wild("an iterator", Fresh(lambda: iter([(X, Y)])), ANY)]
HEADS = [
    *pools.without(pools.NOTHING, "None"),
    Wild("another name", "head"),
    Wild("a number", -1),
    Wild("another layer", keras.layers.Dense(K)),
]
COMMON = {
    "batch_size": pools.integer(N, 1, huge=ANY),
    "verbose": [w for w in pools.choice("auto") if w.label != "NumPy's text"],
}
COUNTED = {"class_counts": pools.counts(COUNTS, none=ANY)}
NAMES = [
    *pools.without(pools.NOTHING, "None", "text"),
    Wild("too few", ["a", "b"]),
    Wild("a number", 3),
]


def weights(model):
    return model.get_weights()


def look(model=OBSERVER, **given):
    return list(spa.trained.observe(model, verbose=0, **given))


def first(observer, images):
    return list(observer(images))


def linear(model):
    return [part for part in spa.trained.linear_classifier(model) if part is not None]


def diagnosed(model=OBSERVER, dataset=(X, Y), **given):
    given.setdefault("verbose", 0)
    return [*spa.diagnose(model, dataset, **given).metrics.values()]


def chosen(model=MODEL, dataset=(X, Y), **given):
    given.setdefault("verbose", 0)
    return [*spa.choose_alignment(model, dataset, **given).numbers]


def head_of(function):
    def call(model=MODEL, **given):
        given.setdefault("verbose", 0)
        return weights(function(model, **given))

    return call


def align(model=MODEL, dataset=(X, Y), **given):
    given.setdefault("verbose", 0)
    return weights(spa.align(model, dataset, **given))


NO_ALIGNMENT = [
    *pools.without(pools.NOTHING, "None"),
    Wild("a name", "spa"),
    Wild("one that moves nothing", spa.SpAReg()),
    Wild("a list", [0.5]),
]
WIDE = np.array([[1, 2], [1, 0], [-0.5, 3]], "float32")
MOVE = spa.SpASLERP(0.5, noise="isotropic", center=True)
CHOICE = {"tau": 1.0, "beta": 0.5, "scale": 1.0, "shrinkage": 0.125}


def verdict(**given):
    choice = spa.AlignmentChoice(**given)
    return [str(choice), *choice.numbers]


REPORT = spa.diagnose(OBSERVER, (X, Y), COUNTS, verbose=0)
PARTS = {name: getattr(REPORT, name) for name in REPORT.__dataclass_fields__}


def reported(**given):
    report = spa.CollapseReport(**given)
    return [report.to_markdown(), report.to_json()]


LISTS = [
    Wild("tuples", tuple(PARTS["accuracy_per_class"]), ANY),
    Wild("NaN", [pools.NAN] * K, ANY),
]
SLOW = ("align", "choose_alignment", "normalize_head", "retrain_head", "scale_head")
TABLE = {
    "AlignmentChoice": Subject(
        verdict,
        CHOICE,
        {
            k: [w for w in pools.number(v) if "float" in w.label]
            for k, v in CHOICE.items()
        },
    ),
    "CollapseReport": Subject(
        reported, PARTS, {n: LISTS for n in PARTS if n.endswith("per_class")}
    ),
    "Observer": Subject(
        lambda model=MODEL, head=None, images=X: first(
            spa.trained.Observer(model, head), images
        ),
        {},
        {"model": NO_MODEL, "head": HEADS},
    ),
    "observe": Subject(
        look, {"dataset": (X, Y)}, {"dataset": DATASET + ONE_PASS, "model": NO_MODEL}
    ),
    "diagnose": Subject(
        diagnosed,
        {"batch_size": N, "class_counts": COUNTS},
        {
            "dataset": DATASET + ONE_PASS,
            "model": NO_MODEL,
            "class_names": NAMES,
            **COUNTED,
            **COMMON,
        },
    ),
    "linear_classifier": Subject(
        linear,
        {"model": spa.SpAModel.from_model(MODEL)},
        {"model": [*NO_MODEL, Wild("no SpAModel", MODEL, ANY)]},
    ),
    "aligned_classifier": Subject(
        spa.trained.aligned_classifier,
        {
            "alignment": MOVE,
            "weights": WIDE[::-1].copy(),
            "biases": np.array([0, 0.5, -1], "float32"),
            "means": WIDE,
            "counts": np.array([4.0, 2, 1], "float32"),
        },
        {
            "alignment": [w for w in NO_ALIGNMENT if "moves" not in w.label],
            "weights": pools.array(WIDE[::-1].copy()),
            "biases": pools.without(
                pools.array(np.array([0, 0.5, -1], "float32")), "None", "zeros"
            ),
            "means": pools.array(WIDE),
            "counts": pools.without(
                pools.array(np.array([4.0, 2, 1], "float32")), "zeros"
            ),
        },
    ),
}
