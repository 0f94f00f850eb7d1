"""What GLMC takes as batches and heads, what it refuses, and its precision."""

import keras
import numpy as np
import pytest
from small_glmc import LABELS, glmc, plain_views

PARTNERS = LABELS[::-1].astype("int32")


def loss_of(eager=True, **changes):
    x, y = plain_views()
    model = glmc(views=False, eager=eager)
    return model.train_on_batch({**x, **changes}, y, return_dict=True)["loss"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (PARTNERS + 1, "integers in 0..2.*such as 3"),
        (PARTNERS - 1, "integers in 0..2.*such as -1"),
        (PARTNERS + 0.5, "integers in 0..2.*such as 2.5"),
        (np.full((48, 3), -1.0), "non-negative weights.*such as -1"),
        (np.ones((48, 2)), r"soft labels of shape \(B, 3\).*\(48, 2\)"),
    ],
)
def test_partner_labels_that_are_none_are_named(labels, words):
    with pytest.raises(ValueError, match=words):
        loss_of(partner_labels=labels)


@pytest.mark.parametrize("wrong", [PARTNERS + 1, PARTNERS - 1, PARTNERS + 0.5])
def test_partner_labels_that_are_none_make_a_compiled_loss_nan(wrong):
    if keras.backend.backend() == "torch":
        pytest.skip("steps are not compiled there")
    assert np.isnan(loss_of(eager=False, partner_labels=wrong.astype("float32")))


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the others do not cut labels to 32 bits"
)
def test_partner_labels_that_32_bits_cut_to_a_class_are_none():
    x, y = plain_views()
    wrong = {**x, "partner_labels": PARTNERS.astype("int64") + 2**32}

    def batches():
        while True:
            yield wrong, y

    model = glmc(views=False, eager=False)
    history = model.fit(batches(), steps_per_epoch=1, verbose=0).history
    assert np.isnan(history["loss"][-1])


def test_partner_labels_in_other_forms_count_alike():
    expected = loss_of(partner_labels=PARTNERS)
    for labels in (PARTNERS[:, None], np.eye(3)[PARTNERS], PARTNERS.astype("float32")):
        assert loss_of(partner_labels=labels) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["partner", "partner_labels"])
def test_a_part_that_is_missing_is_named(name):
    x, y = plain_views()
    del x[name]
    with pytest.raises(ValueError, match="hold partners.*Received: dict with the keys"):
        glmc(views=False).train_on_batch(x, y)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: {"partner": tuple(view[:16] for view in x["partner"])},
        lambda x: {"partner": tuple(view[:, :4] for view in x["partner"])},
        lambda x: {"partner_labels": x["partner_labels"][:16]},
    ],
)
def test_partners_of_another_number_or_size_are_named(change):
    x, _ = plain_views()
    with pytest.raises(ValueError, match="a partner, of the same shape.*Received"):
        loss_of(**change(x))


@pytest.mark.parametrize(("classes", "dimension"), [(4, None), (2, None), (3, 5)])
def test_a_head_of_other_classes_or_features_is_named(classes, dimension):
    fc = keras.layers.Dense(classes)
    if dimension:
        fc.build((None, dimension))
    words = r"`fc` must be .* shape \(6, 3\), such as .*Dense\(3\).*Received"
    with pytest.raises(ValueError, match=words):
        glmc(fc=fc)


def precisions(model):
    parts = model.fc, model.projector, model.predictor
    return [part.dtype_policy.name for part in parts]


def test_its_parts_have_the_precision_of_the_model_also_in_another_session(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = glmc(views=False)
        model.train_on_batch(*plain_views())
        model.save(tmp_path / "half.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    loaded = keras.saving.load_model(tmp_path / "half.keras")
    given = glmc(views=False, dtype="mixed_bfloat16")
    for one in (model, loaded, given):
        assert precisions(one) == ["mixed_bfloat16"] * 3
