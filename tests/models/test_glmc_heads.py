"""GLMC's other head is looked at as its classifier is."""

import keras
import pytest
from other_heads import OtherBias, Probabilities
from small_glmc import DATA, glmc

import keras_spa as spa


def batches():
    return spa.data.Batches(DATA, 16, partner="class_balanced")


def fitted(**arguments):
    model = glmc(**arguments)
    model.fit(batches(), verbose=0, shuffle=False)
    return model


def dense(change=lambda layer: None, **kwargs):
    layer = keras.layers.Dense(3, **kwargs)
    layer.build((None, 6))
    change(layer)
    return layer


def test_an_activation_is_refused():
    with pytest.raises(ValueError, match="`fc` must give logits.*activation softmax"):
        glmc(fc=dense(activation="softmax"))


def test_probabilities_are_refused():
    with pytest.raises(ValueError, match="`fc` must give logits.*gives probabilities"):
        fitted(fc=Probabilities(3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layer: layer.quantize("int8"), "`fc` must not be quantized"),
        (lambda layer: layer.enable_lora(2), "`fc` must be without LoRA"),
    ],
)
def test_a_kernel_that_alignment_does_not_reach_is_refused(change, message):
    arguments = {"alignment": "spa_slerp", "fc": dense(change)}
    for aligned in ("fc", "both"):
        with pytest.raises(ValueError, match=message):
            fitted(aligned=aligned, **arguments)


def test_a_head_that_is_more_than_its_kernel_is_told():
    fc = OtherBias()
    fc.build((None, 6))
    fc.offset.assign([1.0, 2.0, 3.0])
    with pytest.warns(UserWarning, match="other_bias.*computes something else than"):
        fitted(alignment="spa_reg", fc=fc)


def test_a_head_that_is_not_aligned_is_told_nothing(recwarn):
    fc = OtherBias()
    fc.build((None, 6))
    fc.offset.assign([1.0, 2.0, 3.0])
    fitted(alignment="spa_slerp", fc=fc, aligned="fc_cb")
    quantized = dense(lambda layer: layer.quantize("int8"))  # would not train
    with pytest.raises(ValueError, match="`fc` must not be quantized"):
        fitted(alignment="spa_slerp", fc=quantized, aligned="fc_cb")
    low_rank = dense(lambda layer: layer.enable_lora(2))
    fitted(alignment="spa_slerp", fc=low_rank, aligned="fc_cb")
    assert not [one for one in recwarn if "computes" in str(one.message)]
