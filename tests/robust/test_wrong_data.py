"""Data in other forms than pairs of arrays: they work, or the error says what to give.

Never another exception than ValueError, and never other numbers.
"""

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa
from keras_spa import trained

X, Y = toys.data(32)
IMAGES = np.random.RandomState(0).randint(0, 255, (32, 4, 4, 3)).astype("uint8")


class DataFrame:
    """As much of pandas' as a check could trip over."""

    columns = ("image", "label")
    shape = (32, 2)

    def __iter__(self):
        return iter(self.columns)

    def __len__(self):
        return 32


LOOKS = {
    "diagnose": lambda data: trained.diagnose(toys.model(), data, verbose=0),
    "align": lambda data: spa.align(toys.model(), data, verbose=0),
    "retrain": lambda data: trained.retrain_head(toys.model(), data, verbose=0),
    "scale": lambda data: trained.scale_head(toys.model(), data, verbose=0),
    "monitor": lambda data: toys.model(compiled=toys.EAGER).fit(
        *(X, Y), verbose=0, callbacks=[spa.callbacks.CollapseMonitor(data)]
    ),
}
BAD = {
    "a list of arrays": ([X, Y], "as a tuple.*a list of arrays"),
    "images": (X, "as a tuple.*one array of shape"),
    "a tensor": (keras.ops.convert_to_tensor(X), "as a tuple.*one array of shape"),
    "a tuple of one": ((X,), r"\(images, labels\) arrays\. Received"),
    "three": ((X, Y, Y), r"\(images, labels\) arrays\. Received"),
    "other names": ([{"pixels": X, "species": Y}], r"one entry 'image'.*\['pixels'"),
    "two names": ([{"image": X, "x": X, "label": Y}], "one entry 'image'.*'x'"),
    "dict of two labels": ([(X, {"a": Y, "b": Y})], "one array of labels"),
    "unbatched": (list(zip(X, Y, strict=True)), "batches.*a single label"),
    "nothing": (None, "arrays, or batches of them"),
    "a folder": ("folder", "arrays, or batches of them"),
    "empty": ([], "hold images"),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("bad", BAD)
def test_what_cannot_be_looked_at_is_named(look, bad):
    data, message = BAD[bad]
    with pytest.raises(ValueError, match=f"`dataset` must.*{message}"):
        LOOKS[look](data)


GOOD = {
    "TensorFlow Datasets": {"image": X, "label": Y},
    "transformers": {"pixel_values": X, "labels": Y},
    "others": {"images": X, "label": Y, "id": np.arange(32)},
    "saved": {"x": X, "y": Y},
}


@pytest.mark.parametrize("good", GOOD)
@pytest.mark.parametrize("batches", [True, False])
def test_names_are_understood(good, batches):
    data = [GOOD[good]] if batches else GOOD[good]
    model = toys.model()
    report = spa.diagnose(model, data, verbose=0)
    assert report.metrics == spa.diagnose(model, (X, Y), verbose=0).metrics


def test_batches_of_a_tf_dataset_by_name():
    tf = pytest.importorskip("tensorflow")
    named = tf.data.Dataset.from_tensor_slices({"image": X, "label": Y})
    model = toys.model()
    report = spa.diagnose(model, named.batch(32), verbose=0)
    assert report.metrics == spa.diagnose(model, (X, Y), verbose=0).metrics
    with pytest.raises(ValueError, match="a single label"):
        spa.diagnose(model, named, verbose=0)


@pytest.mark.parametrize("kind", ["generator", "used up", "iterator"])
def test_a_monitor_refuses_what_ends_with_its_first_pass(kind):
    data = (batch for batch in [(X, Y)])
    data = iter([(X, Y)]) if kind == "iterator" else data
    if kind == "used up":
        list(data)
    with pytest.raises(ValueError, match="`dataset` must be data that can be gone"):
        spa.callbacks.CollapseMonitor(data)


@pytest.mark.parametrize("make", [spa.data.Batches, spa.data.pipeline])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DataFrame(), "a pair.*Received: DataFrame"),
        (IMAGES, "a pair.*Received: ndarray"),
        ((IMAGES, Y, Y), "a pair.*Received: tuple of 3"),
        ({"image": IMAGES}, r"one entry 'image'.*\['image'\]"),
        ((3, 4), "images of one shape.*Received: int"),
        (([[1], [2, 3]], [0, 1]), "images of one shape.*Received: list"),
        ((["a.jpg", "b.jpg"], [0, 1]), "images of one shape.*Received: list"),
        ((IMAGES, Y[:3]), "as many labels as images"),
        (None, "a pair.*Received: NoneType"),
    ],
)
def test_batches_and_pipeline_name_what_is_wrong(make, data, message):
    if make is spa.data.pipeline:
        pytest.importorskip("tensorflow")
    with pytest.raises(ValueError, match=f"`data` must.*{message}"):
        make(data, 8)


@pytest.mark.parametrize(
    "data",
    [
        {"image": IMAGES, "label": Y},
        {"images": IMAGES, "labels": Y, "id": Y},
        [IMAGES, Y],
        (list(IMAGES), Y.tolist()),
        (keras.ops.convert_to_tensor(IMAGES), Y),
    ],
)
def test_batches_take_names_lists_and_tensors(data):
    expected = spa.data.Batches((IMAGES, Y), 8)[1]
    for one, other in zip(spa.data.Batches(data, 8)[1], expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("others", [[], ["accuracy"]])
@pytest.mark.parametrize("plain", [True, False])
def test_the_cosine_is_no_metric_of_predictions(plain, others):
    model = toys.model()
    model = keras.Sequential([*model.backbone.layers]) if plain else model
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[*others, spa.metrics.AlignmentCosine()])
    with pytest.raises(ValueError, match="SpAModel logs `alignment` by itself"):
        model.fit(X, Y, verbose=0)


def test_a_class_without_images_is_told_once_what_helps():
    some = Y != 3
    lacking, model = (X[some], Y[some]), toys.model()
    advice = "count a class without any as 1, or leave it out"
    with pytest.raises(ValueError, match=rf"{advice}.*no images of \[3\]"):
        spa.align(model, lacking, verbose=0)
    with pytest.raises(ValueError, match=r"count one without training images as 1"):
        spa.align(model, lacking, class_counts=[8, 8, 8, 0], verbose=0)
    aligned = spa.align(model, lacking, class_counts=[8, 8, 8, 1], verbose=0)
    assert np.isfinite(aligned.predict(X, verbose=0)).all()
    choice = spa.choose_alignment(
        model, lacking, (X + 0.1, Y), class_counts=[8, 8, 8, 1], verbose=0
    )
    assert choice is not None
