"""Each command from data to what it prints and writes."""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import small_zoo

import keras_spa as spa
from keras_spa_cli import main

FILES = {
    *("model.keras", "aligned.keras"),
    *("history.json", "measures.json", "report.html", "settings.json", ".lock"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with data, and a finished run on an archive."""
    place = tmp_path_factory.mktemp("trained")
    small_zoo.archive(place / "zoo.npz")
    flags = (*small_zoo.SMALL, "--held_out=0.2", f"--output={place / 'runs'}")
    assert main(["train", str(place / "zoo.npz"), *flags]) == 0
    return place


def test_a_run_leaves_its_files_and_nothing_else(trained):
    assert {path.name for path in trained.iterdir()} == {"zoo.npz", "runs"}
    assert [path.name for path in (trained / "runs").iterdir()] == ["1"]
    assert {path.name for path in (trained / "runs" / "1").iterdir()} == FILES
    history = json.loads((trained / "runs/1/history.json").read_text())
    assert len(history["held_out_accuracy"]) == len(history["loss"]) == 2
    measured = json.loads((trained / "runs/1/measures.json").read_text())
    assert measured.keys() == {"validation", "test"}
    assert measured["test"].keys() == {"as trained", "aligned"}
    card = spa.ModelCard.read(trained / "runs/1/aligned.keras")
    assert card.class_names == small_zoo.NAMES
    assert card.class_counts == (10, 5, 3, 1)
    assert (
        card.accuracy["balanced accuracy"]
        == (measured["test"]["aligned"]["balanced_accuracy"])
    )
    assert "balanced_softmax" in card.method
    assert "Aligned by" in card.method
    assert card.preprocessing == {"input_shape": [8, 8, 3], "pixels": "0..255"}


def test_evaluate_measures_what_training_measured(trained, run):
    data, runs = trained / "zoo.npz", trained / "runs/1"
    measured = json.loads((runs / "measures.json").read_text())["test"]
    for title, name in (("as trained", "model.keras"), ("aligned", "aligned.keras")):
        code, out, _ = run("evaluate", runs / name, data, "--json=e.json")
        assert code == 0
        assert out.startswith("12 test images of 4 classes\n")
        found = json.loads(pathlib.Path("e.json").read_text())
        assert found["balanced_accuracy"] == measured[title]["balanced_accuracy"]
        assert found["log_loss"] == pytest.approx(measured[title]["log_loss"], 1e-3)
        assert [*found["accuracy_per_class"]] == list(small_zoo.NAMES)


def test_classes_are_matched_by_name_whatever_their_order(trained, run):
    model = trained / "runs/1/model.keras"
    with np.load(trained / "zoo.npz") as archive:
        arrays = dict(archive)
    order = np.array([2, 0, 3, 1])  # class c of the model is order[c] there
    for kind in ("train", "test"):
        arrays[f"y_{kind}"] = order[arrays[f"y_{kind}"]]
    arrays["class_names"] = np.array(small_zoo.NAMES)[np.argsort(order)]
    np.savez("other.npz", **arrays)
    for data, name in ((trained / "zoo.npz", "a.json"), ("other.npz", "b.json")):
        assert run("evaluate", model, data, f"--json={name}")[0] == 0
    one, other = (json.loads(pathlib.Path(n).read_text()) for n in ("a.json", "b.json"))
    assert one.pop("accuracy_per_class") == other.pop("accuracy_per_class")
    assert one == pytest.approx(other)
    arrays["class_names"] = np.array(["a cat", "a dog", "an emu", "alone"])
    np.savez("strange.npz", **arrays)
    code, _, err = run("evaluate", model, "strange.npz")
    assert code == 2
    assert "'a dog'" in err


def test_a_model_that_names_no_classes_is_measured_with_a_word(trained, run):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(4))
    model.save("plain.keras")
    code, _, err = run("evaluate", "plain.keras", trained / "zoo.npz")
    assert code == 0
    told = "plain.keras names no classes: they are taken in the order of DATA"
    assert f"{told}, from a cat to alone\n" in err


def test_numbers_that_do_not_stand_in_their_order_are_told(run):
    """Before: "from 0 to 9", of twelve classes."""
    names = [str(c) for c in range(12)]
    data = small_zoo.folder(pathlib.Path("numbers"), names[:4], (1,) * 4)
    for name in names[4:]:
        (data / name).mkdir()
        shutil.copy(data / "0" / "0.png", data / name)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(12))
    model.save("plain.keras")
    code, _, err = run("evaluate", "plain.keras", data)
    assert code == 0
    assert "taken in the order of DATA: 0, 1, 10, 11, 2, ...\n" in err
    assert "are numbers, taken in the order of their text" in err


def test_new_images_need_not_be_of_all_classes(trained, run):
    """A class without any is said, and left out; one the model lacks is refused."""
    model = trained / "runs/1/model.keras"
    with np.load(trained / "zoo.npz") as archive:
        x, y = archive["x_test"], archive["y_test"]
    order = np.array([1, 9, 0, 9])  # class c of the model is order[c] there
    kept = order[y] < 9
    names = np.array([small_zoo.NAMES[2], small_zoo.NAMES[0]])
    np.savez("new.npz", x_train=x[kept], y_train=order[y][kept], class_names=names)
    code, out, err = run("evaluate", model, "new.npz", "--json=new.json")
    told = "no images of 2 of the 4 classes of MODEL, which are left out: çà/là, alone"
    assert (code, err) == (0, f"keras-spa: DATA have {told}\n")
    assert out.startswith("6 train images of 2 classes\n")
    new = json.loads(pathlib.Path("new.json").read_text())
    assert run("evaluate", model, trained / "zoo.npz", "--json=all.json")[0] == 0
    known = json.loads(pathlib.Path("all.json").read_text())["accuracy_per_class"]
    expected = {n: known[n] if n in names else None for n in small_zoo.NAMES}
    assert new["accuracy_per_class"] == expected
    accuracies = [known[name] for name in names]
    assert new["balanced_accuracy"] == pytest.approx(np.mean(accuracies))
    assert new["few"] == pytest.approx(np.mean(accuracies))  # by the card's counts
    code, out, err = run("diagnose", model, "new.npz", "--json=d.json")
    assert (code, err) == (0, f"keras-spa: DATA have {told}\n")
    report = json.loads(pathlib.Path("d.json").read_text())
    assert report["class_counts"] == [10, 5, 3, 1]
    assert report["images"] == [3, 0, 3, 0]
    strange = np.array(["a dog", small_zoo.NAMES[0]])
    np.savez("new.npz", x_train=x[kept], y_train=order[y][kept], class_names=strange)
    code, _, err = run("evaluate", model, "new.npz")
    assert code == 2
    assert "1 are not among those, such as 'a dog'; 3 are missing" in err


def test_the_held_out_images_can_be_drawn_again(trained, run):
    data, runs = trained / "zoo.npz", trained / "runs/1"
    measured = json.loads((runs / "measures.json").read_text())["validation"]
    flags = ("--split=validation", "--held_out=0.2", "--json=e.json")
    code, out, _ = run("evaluate", runs / "model.keras", data, *flags)
    assert (code, out.split(" classes")[0]) == (0, "4 validation images of 3")
    found = json.loads(pathlib.Path("e.json").read_text())
    assert found["log_loss"] == pytest.approx(measured["as trained"]["log_loss"], 1e-3)


def test_align_writes_a_model_that_loads(trained, run):
    data, model = trained / "zoo.npz", trained / "runs/1/model.keras"
    code, out, _ = run("align", model, data, "--output=b.keras")
    assert code == 0
    assert "Aligned by the rule, with nothing held out." in out
    assert "On 12 test images:" in out
    assert "| few (< 20) (%)" in out
    assert "Alignment " in out
    assert out.endswith("wrote b.keras\n")
    old, new = (keras.models.load_model(p, compile=False) for p in (model, "b.keras"))
    images = np.load(data)["x_test"]
    a, b = (m.predict(images, verbose=0) for m in (old, new))
    for model, logits in ((old, a), (new, b)):  # which holds no augmentation
        called = keras.ops.convert_to_numpy(model(images))
        np.testing.assert_allclose(called, logits, rtol=1e-3, atol=1e-3)
    assert a.shape == b.shape == (12, 4)
    assert np.abs(a - b).max() > 1e-3


def test_diagnose_prints_writes_and_draws(trained, run):
    data, model = trained / "zoo.npz", trained / "runs/1/model.keras"
    code, out, _ = run("diagnose", model, data, "--picture=d.png", "--json=d.json")
    assert code == 0
    assert "ligned" in out
    assert "| 😀 " in out
    assert json.loads(pathlib.Path("d.json").read_text())["class_counts"][0] == 10
    assert pathlib.Path("d.png").stat().st_size > 1000


def test_describe_prints_and_draws(run):
    small_zoo.table(pathlib.Path("zoo.csv"))
    code, out, _ = run("describe", "zoo.csv", "--picture=tail.svg")
    assert code == 0
    assert "imbalance factor 12: from 12 images (a cat) to 1 (alone)" in out
    assert "çà/là" in out
    assert pathlib.Path("tail.svg").exists()
    for name in ("tail.svg", "tail.png", "tail.png"):  # replaces what it drew
        assert run("describe", "zoo.csv", f"--picture={name}")[0] == 0


def test_models_and_data_that_do_not_fit_are_told(trained, run):
    model = trained / "runs/1/model.keras"
    two = small_zoo.folder(pathlib.Path("two"), small_zoo.NAMES[:2], (2, 2))
    code, _, err = run("align", model, two)
    assert code == 2
    assert "two has 2 classes, which must be, by name, the 4 wanted" in err
    assert err.count("\n") == 1
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    flat.save("flat.keras")
    code, _, err = run("evaluate", "flat.keras", two)
    assert (code, err.count("\n")) == (2, 1)
    assert "MODEL must take batches of images of one shape" in err
    pathlib.Path("broken.keras").write_bytes(b"PK")
    code, _, err = run("diagnose", "broken.keras", two)
    assert (code, err.count("\n")) == (2, 1)
    assert "MODEL broken.keras is not a whole .keras file" in err
    code, _, err = run("evaluate", model, trained / "zoo.npz", "--split=validation")
    assert (code, err.count("\n")) == (2, 1)
    assert "DATA have none; they have train, test" in err


def test_a_model_with_classes_of_its_own_is_told(run):
    class Mine(keras.layers.Flatten):
        pass

    def swirl(x):
        return x

    two = small_zoo.folder(pathlib.Path("two"), small_zoo.NAMES[:2], (2, 2))
    end = keras.layers.Dense(2)
    image, flat = keras.Input((8, 8, 3)), keras.layers.Flatten()
    twice = keras.layers.Lambda(lambda x: 2 * x)
    for layers, told in (
        ((Mine(), end), "it has the class 'Mine' of its own"),
        ((flat, keras.layers.Activation(swirl), end), "the function 'swirl' of its"),
        ((flat, twice, end), "it holds Python code (a Lambda layer), which is not"),
    ):
        output = image
        for layer in layers:
            output = layer(output)
        keras.Model(image, output).save("mine.keras")
        for command, instead in (
            ("align", "keras_spa.align"),
            ("evaluate", "model.evaluate"),
        ):
            code, _, err = run(command, "mine.keras", two)
            assert (code, err.count("\n")) == (2, 1)
            assert told in err
            assert "from_config" not in err
            assert err.endswith(f"functions are known, and use {instead}\n")


def test_a_model_of_another_range_of_pixels(run):
    """It sees no more than whether pixels are above a half."""
    half = keras.layers.Rescaling(100.0, -50.0)
    layers = [keras.Input((8, 8, 3)), half, keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    model.layers[-1].set_weights([np.array([[1, -1.0]] * 3), np.zeros(2)])
    model.save("unit.keras")
    data = {"y_train": np.array([0, 1]), "class_names": np.array(["light", "dark"])}
    images = np.stack([np.full((8, 8, 3), v, "uint8") for v in (200, 40)])
    np.savez("two.npz", x_train=images, **data)
    for pixels, right in (("0..1", "100.0"), ("0..255", "50.0")):
        code, out, _ = run("evaluate", "unit.keras", "two.npz", f"--pixels={pixels}")
        assert code == 0
        assert f"| accuracy (%)                | {right}" in out
    for name in ("pixels", "numbers"):  # by the card, where no flag says it
        card = spa.ModelCard(["light", "dark"], preprocessing={name: "0..1"})
        card.attach("unit.keras")
        code, out, err = run("evaluate", "unit.keras", "two.npz")
        assert (code, err) == (0, "")
        assert "| accuracy (%)                | 100.0" in out


def test_files_of_several_sizes_train_from_disk(run):
    pytest.importorskip("tensorflow")
    small_zoo.folder(pathlib.Path("zoo/train"), ending="jpg", sides=(16, 19))
    small_zoo.folder(pathlib.Path("zoo/val"), counts=(2, 2, 2, 2), ending="jpg")
    flags = (*small_zoo.SMALL, "--image_size=12", "--method=ldam_drw", "--output=r")
    if keras.backend.backend() == "tensorflow":
        flags += ("--format=saved_model",)
    code, out, err = run("train", "zoo", *flags)
    assert code == 0, err  # of a model that hardly learnt, align warns
    assert "resnet_cifar on 12×12×3 pixels, float32" in out
    assert "\nThe cosine classifier had no bias: it became a Dense of unit " in out
    for name in ("aligned", "model"):
        exported = pathlib.Path("r/1", name).exists()
        assert exported == ("--format=saved_model" in flags)
    assert "validation: 8 images, 2 a class (official)" in out
    code, _, err = run("train", "zoo", "--held_out=0.1")
    assert (code, err.count("\n")) == (2, 1)
    assert "--held_out must be 0 for zoo, which has validation images" in err
