"""The flags of a script, in groups, for --help and --helpfull."""

import dataclasses
import sys
from collections.abc import Iterable, Iterator

from absl import flags

from engine.config import RunConfig
from engine.job_options import DeviceOptions
from engine.method_options import AlignmentOptions, MethodOptions

HELP, HELP_FULL = {"--help", "-help", "-h", "--helpshort"}, {"--helpfull", "-helpfull"}
JOB = "The job"
# What --help leaves to --helpfull.
SPECIAL = (MethodOptions, AlignmentOptions, DeviceOptions)
WIDTH = 88


def arguments_or_help(
    doc: str | None, values: flags.FlagValues, config: type[RunConfig] = RunConfig
) -> list[str]:
    """The command line's arguments; for --help it prints what there is, and ends."""
    arguments = sys.argv[1:]
    asked = set(arguments)
    if asked & (HELP | HELP_FULL):
        full = bool(asked & HELP_FULL)
        print(f"{(doc or '').strip()}\n\n{flags_help(values, config, full)}")
        sys.exit(0)
    return arguments


def flags_help(values: flags.FlagValues, config: type[RunConfig], full: bool) -> str:
    """All flags in groups, or all but those of special parameters."""
    names = [name for name in values if name != "seed"]  # another name of seeds
    parts, left = [], []
    for title, fields, special in _groups(names, config):
        if full or not special:
            lines = [_line(values[name]) for name in fields]
            parts.append("\n".join([f"{title}:", *lines]))
        else:
            left.append(title[0].lower() + title[1:])
    if left:
        parts.append(f"--helpfull also shows: {'; '.join(left)}.")
    return "\n\n".join(parts)


def _groups(
    names: Iterable[str], config: type[RunConfig]
) -> Iterator[tuple[str, list[str], bool]]:
    """(title, names, whether they are special), the script's own ones first."""
    groups = [part for part in reversed(config.__mro__) if "Options" in part.__name__]
    of = {field.name: part for part in groups for field in dataclasses.fields(part)}
    yield JOB, [name for name in names if name not in of], False
    for part in sorted(groups, key=lambda part: part in SPECIAL):
        if fields := [name for name in names if of.get(name) is part]:
            title = (part.__doc__ or "").splitlines()[0].rstrip(".")
            yield title, fields, part in SPECIAL


def _line(flag: flags.Flag) -> str:
    default = flag.default_as_str
    shown = "" if default is None else f" (default: {default.strip(chr(39))})"
    name = f"[no]{flag.name}" if flag.boolean else flag.name
    return flags.text_wrap(f"--{name}: {flag.help}{shown}", WIDTH, "      ", "  ")
