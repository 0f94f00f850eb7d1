"""Flags in, configurations out."""

import dataclasses
import itertools
import pathlib
import sys
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from absl import flags

from engine.config import NAMES, RunConfig, can_combine, convert
from engine.names import ALIGNMENTS, METHODS
from engine.task import Task


@dataclass(frozen=True)
class JobConfig:
    """The runs of a job, baselines first, and how to go through them.

    Args:
        runs: A configuration each.
        output_dir: Where tables, pictures and results go.
        jobs: Runs to train side by side, a process each.
    """

    runs: tuple[RunConfig, ...]
    output_dir: pathlib.Path
    jobs: int = 1


def job_flags(task: Task) -> flags.FlagValues:
    """The flags of a recipe with its defaults: those of the job, those of its runs."""
    values = flags.FlagValues()
    for name, default, help in (
        ("method", ["ce"], f"Methods to train with, of {', '.join(METHODS)}."),
        (
            "alignment",
            ["none"],
            f"Alignments to run, of {', '.join(ALIGNMENTS)}. 'misaligned' is SpA-Reg "
            "with negative strength; unless named on the command line it runs with ce "
            "only.",
        ),
        ("seeds", ["0", "1", "2"], "Each decides initial weights and batches."),
    ):
        flags.DEFINE_list(name, default, help, values)
    flags.DEFINE_alias("seed", "seeds", values)
    flags.DEFINE_integer(
        "jobs", 1, "Runs to train side by side, a process each.", 1, flag_values=values
    )
    flags.DEFINE_string(
        "output_dir", None, "Where tables, pictures and results go.", values
    )
    define_run_flags(values, task.config)
    for name, value in task.defaults.items():
        values.set_default(name, value)
    return values


def define_run_flags(
    values: flags.FlagValues, config: type[RunConfig], only: Sequence[str] = ()
) -> None:
    """A flag for each field of a configuration, or for some of them."""
    kinds = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        if field.name not in NAMES and (not only or field.name in only):
            _define(values, field, kinds[field.name])


def _define(values: flags.FlagValues, field: dataclasses.Field, kind: Any) -> None:
    name, about = field.name, field.metadata
    default: Any = field.default
    limits = {"lower_bound": about["low"], "upper_bound": about["high"]}
    kinds = typing.get_args(kind) or (kind,)
    if about["choices"]:
        known = list(map(str, about["choices"]))
        flags.DEFINE_enum(name, str(default), known, about["help"], values)
    elif typing.get_origin(kind) is tuple:
        texts = list(map(str, default))
        flags.DEFINE_list(name, texts, about["help"], values)
    elif kind is bool:
        flags.DEFINE_bool(name, default, about["help"], values)
    elif int in kinds:
        flags.DEFINE_integer(name, default, about["help"], flag_values=values, **limits)
    elif float in kinds:
        flags.DEFINE_float(name, default, about["help"], flag_values=values, **limits)
    else:
        flags.DEFINE_string(name, default, about["help"], values)


def parse(arguments: Sequence[str], task: Task) -> JobConfig:
    """The job that a command line describes.

    Raises:
        ValueError: a flag or a value that is not known, or two that do not go together.
    """
    values = job_flags(task)
    read(values, arguments)
    names = ("method", "alignment", "seeds")
    given: dict[str, list[str]] = {name: values[name].value or [] for name in names}
    seeds = [int(text) for text in given["seeds"] if text.isdecimal()]
    if not seeds or len(set(seeds)) < len(given["seeds"]):
        raise ValueError(
            "--seeds must be different whole numbers, such as 0,1,2, "
            f"not {','.join(given['seeds'])}"
        )
    for name, known in (("method", METHODS), ("alignment", ALIGNMENTS)):
        wrong = [value for value in given[name] if value not in known]
        if wrong or not given[name]:
            raise ValueError(
                f"--{name} must name some of {', '.join(known)}, not {', '.join(wrong)}"
            )
        if len(set(given[name])) < len(given[name]):
            raise ValueError(f"--{name} names one twice: {','.join(given[name])}")
    pairs = list(itertools.product(given["method"], given["alignment"]))
    if values["alignment"].using_default_value:
        pairs = [(m, a) for m, a in pairs if a != "misaligned" or m == "ce"]
        pairs = [pair for pair in pairs if can_combine(*pair)]
    fields = run_fields(values, task.config)
    if fields["smoke"]:
        seeds = seeds[:1]
        fields |= {"epochs": 1, "warmup_epochs": 0, "verbose": False}
    runs = tuple(
        task.config(method=method, alignment=alignment, seed=seed, **fields)
        for seed in seeds
        for method, alignment in pairs
    )
    for run in runs:
        task.check(run)
    output_dir = values["output_dir"].value or f"output/{script_name()}"
    return JobConfig(runs, pathlib.Path(output_dir), int(values["jobs"].value or 1))


def read(values: flags.FlagValues, arguments: Sequence[str]) -> None:
    """Gives flags the values of a command line; ValueError with one line."""
    if rest := read_known(values, arguments, known_only=False):
        raise ValueError(f"not a flag: {' '.join(rest)}")


def read_known(
    values: flags.FlagValues, arguments: Sequence[str], known_only: bool = True
) -> list[str]:
    """Gives flags the values of a command line; the rest of it, for other flags."""
    try:
        _, *rest = values([script_name(), *arguments], known_only)
    except flags.Error as error:
        raise ValueError(str(error).strip().splitlines()[-1].strip()) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"--flagfile must name a text file: {error}") from None
    return rest


def run_fields(values: flags.FlagValues, config: type[RunConfig]) -> dict[str, Any]:
    """The fields of a configuration that are among the flags."""
    kinds = typing.get_type_hints(config)
    fields = {}
    for name in (field.name for field in dataclasses.fields(config)):
        if name in values and name not in NAMES:
            value = values[name].value
            try:
                fields[name] = convert(value, kinds[name])
            except ValueError as error:
                raise ValueError(f"--{name}={','.join(value or ())}: {error}") from None
    return fields


def flagfile_config(flagfile: pathlib.Path, task: Task) -> RunConfig:
    """The run that a flagfile describes, with its first seed."""
    return parse([f"--flagfile={flagfile}"], task).runs[0]


def script_name() -> str:
    return pathlib.Path(sys.argv[0]).stem


def refuse(message: object, code: int = 2) -> NoReturn:
    """Ends the process with one line and a code."""
    line = " ".join(str(message).split())
    print(f"{pathlib.Path(sys.argv[0]).name}: {line}", file=sys.stderr)
    sys.exit(code)
