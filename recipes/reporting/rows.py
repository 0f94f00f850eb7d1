"""Rows of the tables: a flagfile at an imbalance factor, and its result files."""

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from engine.command_line import flagfile_config
from engine.config import RunConfig
from engine.names import ALIGNMENTS, METHODS
from engine.registry import RECIPES
from reporting import summary
from reporting.summary import Result, Summary

ROOT = pathlib.Path(__file__).parents[2]
FLAGFILES = ROOT / "recipes" / "flagfiles"
RESULTS = ROOT / "recipes" / "results"
ORIGIN = ("data", "order")  # settings that say where the images came from


class Section(NamedTuple):
    """A folder of flagfiles and results.

    Args:
        folder: Its name in recipes/flagfiles and recipes/results.
        title: What the page calls it.
        recipe: Name of the script that runs its rows.
        factors: Imbalance factors of its rows.
    """

    folder: str
    title: str
    recipe: str
    factors: tuple[int, ...]


CIFAR = ("cifar10", "CIFAR-10-LT (re-encoded)"), ("cifar100", "CIFAR-100-LT")
SECTIONS = (
    Section("digits_lt", "UCI digits, long-tailed", "digits_lt", (50,)),
    Section(
        "digits_lt_norm",
        "UCI digits, SpA-SLERP with lengths in the metric of the noise",
        "digits_lt",
        (50,),
    ),
    Section(
        "cifar10_lt_small",
        "CIFAR-10-LT (re-encoded), at most 500 images a class",
        "cifar10_lt",
        (200, 100),
    ),
    Section(
        "cifar10_lt_short",
        "CIFAR-10-LT (re-encoded), 10 epochs",
        "cifar10_lt",
        (100,),
    ),
    Section(
        "cifar100_lt_small",
        "CIFAR-100-LT, at most 150 images a class",
        "cifar100_lt",
        (100,),
    ),
    *(
        Section(
            f"{data}_lt_{epochs}", f"{title}, {epochs} epochs", f"{data}_lt", (100,)
        )
        for data, title in CIFAR
        for epochs in (20, 40, 90)
    ),
    *(
        Section(
            f"{data}_lt_resnet20",
            f"{title}, ResNet-20, 40 epochs",
            f"{data}_lt",
            (100,),
        )
        for data, title in CIFAR
    ),
    *(
        Section(
            f"{data}_lt_views",
            f"{title}, methods of several views, at most {most} images a class",
            f"{data}_lt",
            (100,),
        )
        for (data, title), most in zip(CIFAR, ("2,000", "250"), strict=True)
    ),
    *(
        Section(
            f"{data}_lt{part}", f"{title}, {network}", f"{data}_lt", (200, 100, 50, 10)
        )
        for part, network in (
            ("", "ResNet-32, 200 epochs"),
            ("_wide", "ResNet-32 of width 64"),
        )
        for data, title in (("cifar10", "CIFAR-10-LT"), ("cifar100", "CIFAR-100-LT"))
    ),
    Section("imagenet_lt", "ImageNet-LT", "imagenet_lt", (256,)),
    Section("imagenet_lt_135", "ImageNet-LT, 135 epochs", "imagenet_lt", (256,)),
)


class Row(NamedTuple):
    """A flagfile at an imbalance factor, and what was measured of it."""

    flagfile: pathlib.Path
    factor: int
    summary: Summary

    @property
    def link(self) -> str:
        """The flagfile, as the page links it."""
        return self.flagfile.relative_to(ROOT / "recipes").as_posix()


def load_rows(section: Section) -> list[Row]:
    """All rows of a section, by imbalance factor, method and alignment.

    Raises:
        ValueError: results of other settings than their flagfiles', or of one factor
            with images from two origins, which no gain may be taken between.
    """
    configs = {
        path: read_flagfile(path, section)
        for path in (FLAGFILES / section.folder).glob("*.flags")
    }
    methods, alignments = list(METHODS), list(ALIGNMENTS)
    order = sorted(
        configs,
        key=lambda path: (
            methods.index(configs[path].method),
            alignments.index(configs[path].alignment),
        ),
    )
    rows = []
    for factor in section.factors:
        runs = {}
        for path in order:
            config = dataclasses.replace(configs[path], imbalance_factor=float(factor))
            key = (config.method, config.alignment)
            runs[key] = load_runs(RESULTS / section.folder, path.name, config)
            baseline = runs.get((config.method, "none"), ())
            rows.append(Row(path, factor, Summary(*key, runs[key], baseline)))
        origins = {
            tuple(_without_folder(run["flags"].get(field)) for field in ORIGIN)
            for some in runs.values()
            for run in some
        }
        if len(origins) > 1:
            raise ValueError(
                f"Results of {section.folder} at imbalance factor {factor} have images "
                f"of several origins, {', '.join(ORIGIN)}: {sorted(map(str, origins))}"
            )
    return rows


def _without_folder(origin: str | None) -> str | None:
    """ "npz:a.npz" of "npz:/data/a.npz": the same images from another folder."""
    return origin and re.sub(r"(?<=:).*[/\\]", "", origin)


def read_flagfile(path: pathlib.Path, section: Section) -> RunConfig:
    """The run that a flagfile describes, parsed as its recipe does."""
    with contextlib.chdir(ROOT):  # flagfiles name one another from here
        return flagfile_config(path, RECIPES[section.recipe])


def load_runs(
    folder: pathlib.Path, flagfile: str, config: RunConfig
) -> tuple[Result, ...]:
    """The results of a row, in the order of their seeds.

    Raises:
        ValueError: a result was run with other settings than those of the flagfile.
    """
    runs = summary.load(folder / "runs", f"{config.row_name}-seed*.json")
    for run in runs:
        stored = run["flags"]
        origin = {field: stored[field] for field in ORIGIN if field in stored}
        for field in dataclasses.replace(config, **origin).differences(stored):
            raise ValueError(
                f"{config.method} + {config.alignment}, seed {run['seed']} was run "
                f"with --{field}={stored.get(field)}; {flagfile} has "
                f"{getattr(config, field, None)}"
            )
    return tuple(runs)


def command_template(flagfiles: Sequence[pathlib.Path], factors: Sequence[int]) -> str:
    """The one command of a section's flagfiles, ROW and IF in place of what differs."""
    templates = set()
    for path in flagfiles:
        line = re.search(r"^# Command: (.*)$", path.read_text(), re.M)
        if line is None:
            raise ValueError(f"{path} has no line `# Command: `")
        template = line[1].replace(f"/{path.name}", "/ROW.flags")
        templates.add(
            re.sub(r"--imbalance_factor=\S+", "--imbalance_factor=IF", template)
        )
    if len(templates) != 1:
        raise ValueError(
            "Flagfiles of one folder must have one command but for their names. "
            f"Received: {', '.join(sorted(templates))}"
        )
    (template,) = templates
    if len(factors) > 1 and "=IF" not in template:
        template += " --imbalance_factor=IF"
    return template


def published_figure(flagfile: str, factor: int) -> str | None:
    """The figure that a flagfile's text cites for this imbalance factor."""
    line = re.search(r"^# Published: (.*)$", flagfile, re.M)
    if line is None:
        return None
    if "at IF" in line[1]:
        figure = re.search(rf"[\d.]+(?= at IF {factor}\b)", line[1])
    else:
        figure = re.match(r"[\d.]+", line[1])
    return figure[0] if figure else None
