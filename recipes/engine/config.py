"""`RunConfig`: everything that one run of a recipe depends on."""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from typing import Any

from engine import job_options, method_options, options
from engine.names import ALIGNMENTS, FIXED_HEADS, METHODS, MOVING_ALIGNMENTS, VIEWS

# What a run is named by, and not compared in.
NAMES = ("method", "alignment", "seed")
LARGEST = 2**31 - 1  # of whole numbers: what steps and seeds are counted in


@dataclass(frozen=True, kw_only=True)
class RunConfig(
    job_options.RecordOptions,
    job_options.DeviceOptions,
    options.AugmentationOptions,
    options.OptimizationOptions,
    options.DataOptions,
    method_options.AlignmentOptions,
    method_options.MethodOptions,
):
    """One run: a method, an alignment, a seed, and all that they are run with.

    A result belongs to the fields that decide its numbers, `identity()`, and nothing
    else: not to where flags are defined or files lie.

    Raises:
        ValueError: a method, alignment or value that is not known, or two that do not
            go together; the message names their flags.
    """

    method: str = "ce"
    alignment: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_value(field, getattr(self, field.name))
        _check_choice("method", self.method, tuple(METHODS))
        _check_choice("alignment", self.alignment, tuple(ALIGNMENTS))
        if len(self.decay_factors) != 2:
            raise ValueError(
                "--decay_factors must be two numbers, such as 0.01,0.0001, not "
                f"{','.join(map(str, self.decay_factors))}"
            )
        if self.beta == 1:
            raise ValueError("--beta must be below 1, such as 0.9999")
        if self.warmup_epochs > 0.8 * self.epochs:
            raise ValueError(
                f"--warmup_epochs={self.warmup_epochs} must end within 80 % of "
                f"--epochs={self.epochs}"
            )
        if not can_combine(self.method, self.alignment):
            raise ValueError(
                "SpA-SLERP and SpA-Proj cannot move the fixed head of etf_dr "
                f"(--method={self.method} --alignment={self.alignment})"
            )
        if self.method in VIEWS and self.mix != "none":
            raise ValueError(
                f"--mix={self.mix} mixes once more: --method={self.method} has views "
                "of its own (--mix=none)"
            )
        if self.mix != "none" and self.augment_on == "device":
            raise ValueError(f"--mix={self.mix} needs --augment_on=host")
        for flag, wanted in (
            ("--split=validation", self.split == "validation"),
            (f"--validate_every={self.validate_every}", self.validate_every),
        ):
            if wanted and not self.validation_per_class:
                raise ValueError(f"{flag} needs --validation_per_class=N")

    @property
    def name(self) -> str:
        """Of its files: `ce-spa_reg-if100-seed0`."""
        return f"{self.row_name}-seed{self.seed}"

    @property
    def row_name(self) -> str:
        """Of its row in the tables, whatever the seed: `ce-spa_reg-if100`."""
        return f"{self.method}-{self.alignment}-if{self.imbalance_factor:g}"

    def identity(self) -> dict[str, Any]:
        """The fields that decide the numbers, for result files; JSON can hold it."""
        values = dataclasses.asdict(self)
        return {
            field.name: values[field.name]
            for field in sorted(dataclasses.fields(self), key=lambda field: field.name)
            if field.name not in NAMES and field.metadata["decides"]
        }

    def differences(self, stored: dict[str, Any]) -> dict[str, Any]:
        """The fields in which a stored identity differs, and their values there.

        A field that the stored one lacks had its default: result files may be older
        than a field.
        """
        theirs = stored_identity(type(self), stored)
        ours = self.identity()
        names = [*ours, *(name for name in stored if name not in ours)]
        return {n: theirs.get(n) for n in names if ours.get(n) != theirs.get(n)}


def can_combine(method: str, alignment: str) -> bool:
    """A fixed head cannot be moved, by SpA-SLERP or SpA-Proj."""
    return not (method in FIXED_HEADS and alignment in MOVING_ALIGNMENTS)


def stored_identity(config: type[RunConfig], stored: dict[str, Any]) -> dict[str, Any]:
    """A stored identity in the types of the fields, with defaults for what it lacks."""
    kinds = typing.get_type_hints(config)
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(config)
        if field.name not in NAMES and field.metadata["decides"]
    }
    known = {
        name: _converted(value, kinds[name])
        for name, value in stored.items()
        if name in defaults
    }
    unknown = {name: stored[name] for name in stored if name not in defaults}
    return defaults | known | unknown


def stored_config(config: type[RunConfig], result: dict[str, Any]) -> RunConfig:
    """The configuration of a result file.

    Raises:
        ValueError: it has fields that are not known, or values of another type.
    """
    kinds = typing.get_type_hints(config)
    fields = {name: result[name] for name in NAMES}
    fields |= stored_identity(config, result["flags"])
    try:
        return config(**{n: convert(value, kinds[n]) for n, value in fields.items()})
    except (KeyError, TypeError) as error:
        raise ValueError(f"its flags cannot be read: {error!r}") from error


def _converted(value: Any, kind: Any) -> Any:
    """A stored value in the type of its field; as it is if it cannot have that."""
    try:
        return convert(value, kind)
    except (TypeError, ValueError):
        return value


def convert(value: Any, kind: Any) -> Any:
    """A value from a flag or a file in the type of its field."""
    if isinstance(kind, types.UnionType):  # `int | None`
        if value is None:
            return None
        (kind,) = (part for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is tuple:
        part, _ = typing.get_args(kind)
        return tuple(part(one) for one in value)
    return kind(value)


def _check_value(field: dataclasses.Field, value: Any) -> None:
    """Raises if a value is not among the choices or within the limits of its field."""
    about = field.metadata
    if choices := about.get("choices"):
        _check_choice(field.name, value, choices)
    for one in value if isinstance(value, tuple) else (value,):
        if not isinstance(one, (int, float)):
            continue
        if not math.isfinite(one):
            wanted = "a finite number"
        elif isinstance(one, int) and one > LARGEST:
            wanted = f"at most {LARGEST}"
        elif (low := about.get("low")) is not None and one < low:
            wanted = f"at least {low}"
        elif (high := about.get("high")) is not None and one > high:
            wanted = f"at most {high}"
        else:
            continue
        raise ValueError(f"--{field.name} must be {wanted}, not {one}")


def _check_choice(flag: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        known = ", ".join(map(str, choices))
        raise ValueError(f"--{flag} must be one of {known}, not {value}")
