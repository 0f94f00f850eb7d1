"""Names of alignments, what a model shows of itself, what it says without labels."""

import inspect

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa

BY_NAME = {"spa_reg": spa.SpAReg, "spa_slerp": spa.SpASLERP, "spa_proj": spa.SpAProj}


@pytest.mark.parametrize("name", BY_NAME)
def test_an_alignment_by_name_is_the_one_of_the_defaults(name):
    expected = repr([BY_NAME[name]()])
    assert repr(toys.model(name).alignments) == expected
    assert repr(spa.layers.SpADense(4, name).alignments) == expected
    dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    assert repr(spa.SpAModel.from_model(dense, name).alignments) == expected


def test_names_and_alignments_go_together_in_their_order():
    model = toys.model(["spa_proj", spa.SpAReg(0.7)])
    assert repr(model.alignments) == repr([spa.SpAProj(), spa.SpAReg(0.7)])
    assert model.class_means.covariance


@pytest.mark.parametrize("name", ["SpAReg", "none", "", ["spa_reg", "spa"]])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="`alignment` must be .*'spa_proj'.*Received"):
        toys.model(name)


@pytest.mark.parametrize(
    ("alignment", "shown"),
    [
        (None, "None"),
        (spa.SpAProj(0.2), repr(spa.SpAProj(0.2))),
        (["spa_reg", "spa_proj"], repr([spa.SpAReg(), spa.SpAProj()])),
    ],
)
def test_repr_and_summary_tell_the_alignment(alignment, shown, capsys):
    model = toys.model(alignment, name="mine")
    assert repr(model) == f"<SpAModel name=mine, alignment={shown}, built=True>"
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    assert lines[-1] == f" Alignment: {shown}"
    assert "Trainable params" in "".join(lines)
    assert not capsys.readouterr().out
    model.summary(line_length=90, expand_nested=True)
    assert f"Alignment: {shown}" in capsys.readouterr().out


def test_methods_have_the_signatures_of_keras():
    for name in ("fit", "summary"):
        own, of_keras = (
            list(inspect.signature(getattr(cls, name)).parameters)
            for cls in (spa.SpAModel, keras.Model)
        )
        assert own == of_keras
    assert "labels" in spa.SpAModel.fit.__doc__


class Unlabelled(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return (toys.data(16)[0],)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_missing_labels_are_named():
    x, y = toys.data(16)
    model = toys.model("spa_reg", compiled=toys.EAGER)
    message = "`y`, the labels, must be given"
    for data in (x, Unlabelled(workers=1), (batch for batch in [(x,)])):
        with pytest.raises(ValueError, match=message):
            model.fit(data, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(x, verbose=0)
    for call in (spa.diagnose, spa.align):
        with pytest.raises(ValueError, match="`dataset` must .*None for the labels"):
            call(model, (x, None), verbose=0)
    assert np.isfinite(model.evaluate(x, y, verbose=0))


def test_what_a_step_or_an_evaluation_lists_is_the_loss_and_what_was_compiled():
    x, y = toys.data(16)
    compiled = toys.EAGER | {"metrics": ["accuracy"]}
    model = toys.model("spa_reg", compiled=compiled)
    for call in (model.train_on_batch, model.test_on_batch):
        loss, accuracy = call(x, y)
        assert np.isfinite(loss)
        assert 0 <= accuracy <= 1
    loss, accuracy = model.evaluate(x, y, verbose=0)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert [*logs] == ["accuracy", "alignment", "loss"]
    assert (loss, accuracy) == (logs["loss"], logs["accuracy"])
    alone = toys.model("spa_reg", compiled=toys.EAGER)
    assert isinstance(alone.evaluate(x, y, verbose=0), float)
    shown = alone.fit(x, y, verbose=0, validation_data=(x, y)).history
    assert {"alignment", "val_alignment"} < shown.keys()


def test_building_again_changes_nothing():
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    model = spa.SpAModel(backbone, keras.layers.Dense(3))
    before = [id(variable) for variable in model.variables]
    model.build((None, 8))
    assert [id(variable) for variable in model.variables] == before
