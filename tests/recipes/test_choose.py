"""Which candidates run, with what, and how their table ranks them."""

import pytest

import choose


def result(method, seed, accuracy):
    accuracy = {"all": accuracy, "few": 3.0}
    about = {"method": method, "seed": seed, "cosine": 0.5, "train_accuracy": 99.0}
    return {**about, "accuracy": accuracy}


@pytest.fixture
def asked(monkeypatch):
    """Names and arguments of the candidates that a job runs; 1 % better each time."""
    calls = []

    def run(recipe, arguments, name, output, jobs):
        calls.append((recipe, arguments, name))
        return {("ce", 0): result("ce", 0, 50.0 + len(calls))}

    monkeypatch.setattr(choose, "run_candidate", run)
    return calls


def test_candidates_are_those_that_match_beside_none(asked, tmp_path, capsys):
    choose.main(
        [
            "cifar10_lt",
            "--candidates=Reg (0.1|1)$",
            "--jobs=1",
            f"--output_dir={tmp_path}",
            "--epochs=3",
        ]
    )
    names = [name for _, _, name in asked]
    assert names == ["none", "SpA-Reg 0.1", "SpA-Reg 1"]
    assert {tuple(arguments) for _, arguments, _ in asked} == {("--epochs=3",)}
    lines = (tmp_path / "choices.md").read_text().splitlines()[2:]
    assert [line.split("|")[2].strip() for line in lines] == names[::-1]
    assert [line.split("|")[4].strip() for line in lines] == ["+2.0", "+1.0", "-"]
    assert "[ 3/3] SpA-Reg 1" in capsys.readouterr().out


def test_all_candidates_run_by_default(asked, tmp_path):
    choose.main(["cifar10_lt", f"--output_dir={tmp_path}"])
    assert [name for _, _, name in asked] == list(choose.CANDIDATES)


@pytest.mark.parametrize("arguments", [["--jobs=2"], ["cifar"]])
def test_without_a_recipe_it_says_which_there_are(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        choose.main(arguments)
    assert stopped.value.code == 2
    assert "recipe" in capsys.readouterr().err
