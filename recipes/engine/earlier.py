"""What earlier jobs left behind in a folder: results, begun runs, exported models."""

import pathlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from engine import storage
from engine.config import RunConfig

# Of a begun run, in the folder of its checkpoints.
SETTINGS, ENVIRONMENTS = "settings.json", "environments.json"


class Earlier(NamedTuple):
    """The result of a run, if it need not be trained, or what is done with it."""

    result: dict[str, Any] | None
    what: str = ""


def checkpoints(output: pathlib.Path, config: RunConfig) -> pathlib.Path:
    """The folder of a run's checkpoints."""
    return output / "checkpoints" / config.name


def export_result_path(config: RunConfig) -> pathlib.Path:
    """The result file beside an exported model."""
    return pathlib.Path(config.export_dir or "", f"{config.name}.json")


def look(output: pathlib.Path, config: RunConfig, dataset: str) -> Earlier:
    """What an earlier job left of the same run.

    Raises:
        ValueError: a result, a model or a begun run of another configuration, or a
            result or model of another data set, by the title of its recipe.
    """
    path, begun = storage.result_path(output, config), checkpoints(output, config)
    result = storage.read_result(path) if path.exists() else None
    not_exported = False
    if result:
        _check_same(config, path, _changes(config, dataset, result))
    if config.export_dir:
        exported = export_result_path(config)
        if exported.exists():
            other = storage.read_result(exported)
            _check_same(config, exported, _changes(config, dataset, other))
        else:
            not_exported = True
    if config.resume and (begun / SETTINGS).exists():
        stored = storage.read_object(begun / SETTINGS)
        _check_same(config, begun, config.differences(stored))
    if result and not config.resume:
        return Earlier(None, "trained again, for --noresume")
    if result and not_exported:
        why = f"for {config.export_dir} does not hold their models"
        return Earlier(None, f"trained again, {why}")
    if result:
        return Earlier(result, "there already")
    if config.resume and (begun / SETTINGS).exists():
        return Earlier(None, "gone on with from where they were stopped")
    return Earlier(None)


def note_environment(
    folder: pathlib.Path, now: dict[str, Any], goes_on: bool
) -> list[dict[str, Any]]:
    """Notes beside a run's checkpoints where it is trained now.

    Returns:
        The other environments in which it was so before, if it goes on from there.
    """
    path, before = folder / ENVIRONMENTS, []
    if goes_on and path.exists():
        before = storage.read_object(path)["environments"]
    before = [one for one in before if one != now]
    storage.write_result(path, {"environments": [*before, now]})
    return before


def _changes(config: RunConfig, dataset: str, result: dict[str, Any]) -> dict[str, Any]:
    """What a result has other than a configuration, its data set first."""
    changed = config.differences(result["flags"])
    if result["dataset"] != dataset:
        return {"dataset": result["dataset"], **changed}
    return changed


def _check_same(config: RunConfig, path: pathlib.Path, changed: dict[str, Any]) -> None:
    for name, value in changed.items():
        if name == "dataset":
            raise ValueError(f"{path} is of {value}. Choose another folder")
        raise ValueError(
            f"{path} is of another configuration: {name} is {value} there "
            f"and {config.identity().get(name)} here. Choose another folder"
        )


def summary(found: Iterable[Earlier]) -> str:
    """How many runs are there already, trained again, gone on with; "" for none."""
    whats = [one.what for one in found if one.what]
    parts = (f"{what}: {whats.count(what)}" for what in dict.fromkeys(whats))
    return "; ".join(parts)


def other_results(
    output: pathlib.Path, config: RunConfig, dataset: str, names: Iterable[str]
) -> dict[str, list[dict[str, Any]]]:
    """Results of earlier jobs in a folder, but for those of some names.

    By what their settings have other than these, "" for the same: "epochs=5".
    """
    known, others = set(names), dict[str, list[dict[str, Any]]]()
    for path in sorted((output / "runs").glob("*.json")):
        if path.stem in known:
            continue
        try:
            result = storage.read_result(path)
        except ValueError:  # of no run, or damaged: no matter here
            continue
        changed = _changes(config, dataset, result)
        settings = ", ".join(f"{name}={value}" for name, value in changed.items())
        others.setdefault(settings, []).append(result)
    return others
