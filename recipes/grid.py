"""Runs what the tables lack: every row of some sections, seed by seed.

    python recipes/grid.py cifar10_lt_40 cifar100_lt_40 --jobs=2 --data_dir=DIR

Goes through the flagfiles of the sections, folders of recipes/flagfiles, and trains
each run whose result is not in recipes/results yet: seed 0 of all rows first, so that
there is a whole table early. What lies in --work, checkpoints and exported models, lets
the same command go on after an interruption. --list shows what is missing and trains
nothing, and --smoke tries each row of the sections in seconds, on random images, and
keeps nothing. Arguments that are not known here go to the recipes, such as --data_dir.

Run it in the folder of the project, whose flagfiles name one another from there.
Then: python recipes/table.py
"""

import argparse
import concurrent.futures
import dataclasses
import math
import pathlib
import re
import sys
import tempfile
import time
from collections.abc import Container, Iterable, Iterator, Sequence

from engine import command_line, storage
from engine.command_line import refuse
from engine.config import RunConfig
from engine.processes import at_least_one, pattern, run_recipe
from engine.registry import RECIPES
from reporting import rows
from reporting.rows import RESULTS, ROOT, SECTIONS, Section

SECTION = {section.folder: section for section in SECTIONS}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of the grid."""

    section: Section
    flagfile: pathlib.Path
    config: RunConfig

    @property
    def result(self) -> pathlib.Path:
        """Its file among the results that tables are made from."""
        return RESULTS / self.section.folder / "runs" / f"{self.config.name}.json"

    def __str__(self) -> str:
        return f"{self.section.folder}/{self.config.name}"


def cells(
    sections: Iterable[Section],
    seeds: Iterable[int],
    wanted: re.Pattern,
    factors: Container[int] | None = None,
) -> Iterator[Cell]:
    """All runs of the rows whose names match, seed by seed; of these factors alone."""
    for seed in seeds:
        for section in sections:
            for row in rows.load_rows(section):
                if not wanted.search(row.flagfile.stem):
                    continue
                if factors is not None and row.factor not in factors:
                    continue
                config = dataclasses.replace(
                    rows.read_flagfile(row.flagfile, section),
                    imbalance_factor=float(row.factor),
                    seed=seed,
                )
                yield Cell(section, row.flagfile, config)


def arguments_of(cell: Cell, work: pathlib.Path, more: Sequence[str]) -> list[str]:
    """The arguments of the recipe that train a cell."""
    folder = work.absolute() / cell.section.folder
    return [
        f"--flagfile={cell.flagfile.relative_to(ROOT)}",
        f"--imbalance_factor={cell.config.imbalance_factor:g}",
        f"--seeds={cell.config.seed}",
        *("--jobs=1", "--noverbose"),
        f"--output_dir={folder}",
        f"--export_dir={folder / 'models'}",
        *(f"--data=npz:{archive}" for archive in _archives(cell.section, more)),
        *more,
    ]


def check_arguments(cell: Cell, work: pathlib.Path, more: Sequence[str]) -> None:
    """Raises if the arguments for the recipes would train something else."""
    arguments = arguments_of(cell, work, more)
    job = command_line.parse(arguments, RECIPES[cell.section.recipe])
    one = job.runs[0]
    changed = dict.fromkeys(
        name
        for name in one.differences(cell.config.identity())
        if name not in rows.ORIGIN
    )
    if one.name != cell.config.name or len(job.runs) > 1:
        changed |= dict.fromkeys(["method, alignment, imbalance_factor or seeds"])
    if job.output_dir != (work / cell.section.folder).absolute():
        changed |= dict.fromkeys(["output_dir"])
    if changed:
        raise ValueError(
            f"{cell}: what a row is made of comes from its flagfile, and cannot be "
            f"given for all: {', '.join(changed)}"
        )


def _archives(section: Section, more: Sequence[str]) -> list[str]:
    """The archive that the section's flagfiles name in their command, if it is one."""
    if any(argument.startswith("--data=") for argument in more):
        return []
    flagfiles = sorted((rows.FLAGFILES / section.folder).glob("*.flags"))
    return re.findall(
        r"--data=npz:(\S+)", rows.command_template(flagfiles, section.factors)
    )


def run(cell: Cell, work: pathlib.Path, more: Sequence[str], jobs: int) -> None:
    """Runs the recipe of a cell; RuntimeError with its last line if it failed."""
    try:
        run_recipe(cell.section.recipe, arguments_of(cell, work, more), jobs)
    except RuntimeError as error:
        raise RuntimeError(f"{cell}: {error}") from None


def smoke(cell: Cell, work: pathlib.Path, more: Sequence[str], jobs: int) -> float:
    """Tries a cell on random images; the accuracy of that is none."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        run(cell, pathlib.Path(folder), [*more, "--smoke"], jobs)
    return math.nan


def train(cell: Cell, work: pathlib.Path, more: Sequence[str], jobs: int) -> float:
    """Trains a cell and puts its result among the others; its accuracy in percent.

    Raises:
        RuntimeError: the recipe failed, with its last line.
    """
    run(cell, work, more, jobs)
    result = storage.read_result(
        storage.result_path(work / cell.section.folder, cell.config)
    )
    cell.result.parent.mkdir(parents=True, exist_ok=True)
    storage.write_result(cell.result, result)
    return result["accuracy"]["all"]


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Our own arguments, and those for the recipes."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("sections", nargs="+", choices=SECTION, metavar="SECTION")
    parser.add_argument(
        "--rows",
        type=pattern,
        default=re.compile(""),
        help="only rows whose flagfiles' names match this pattern",
    )
    parser.add_argument(
        "--seeds",
        type=_seeds,
        default=[0, 1, 2],
        help="default: 0,1,2",
    )
    parser.add_argument(
        "--factors",
        type=_numbers,
        help="only these imbalance factors, such as 100 or 100,50. Default: all that "
        "the sections have",
    )
    parser.add_argument(
        "--jobs", type=at_least_one, default=1, help="runs side by side"
    )
    parser.add_argument(
        "--work",
        type=pathlib.Path,
        default=pathlib.Path("output/grid"),
        help="where checkpoints and models go. Default: %(default)s",
    )
    parser.add_argument("--list", action="store_true", help="show what is missing")
    parser.add_argument("--smoke", action="store_true", help="try each row, keep none")
    return parser.parse_known_args(arguments)


def _numbers(text: str) -> list[int]:
    return list(dict.fromkeys(int(part) for part in text.split(",")))


def _seeds(text: str) -> list[int]:
    seeds = _numbers(text)
    if min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, not {text}")
    return seeds


def main(arguments: Sequence[str] | None = None) -> None:
    chosen, more = parse(arguments)
    sections = [SECTION[name] for name in dict.fromkeys(chosen.sections)]
    try:
        for section in sections:  # a mistyped flag is none of theirs
            command_line.parse(more, RECIPES[section.recipe])
        offered = sorted({number for section in sections for number in section.factors})
        for factor in chosen.factors or ():
            if factor not in offered:
                raise ValueError(f"--factors={factor}: these sections have {offered}")
        everything = list(cells(sections, chosen.seeds, chosen.rows, chosen.factors))
        for cell in everything:
            check_arguments(cell, chosen.work, more)
    except (ValueError, OSError) as error:
        refuse(error)
    missing = [cell for cell in everything if not cell.result.exists()]
    if chosen.smoke:
        chosen.work.mkdir(parents=True, exist_ok=True)
        missing = everything
    word = "to be tried" if chosen.smoke else "missing"
    print(f"{len(missing)} of {len(everything)} runs are {word}", flush=True)
    if chosen.list:
        print("\n".join(map(str, missing)))
        return
    if not chosen.smoke and (storage.commit() or "").endswith("-dirty"):
        print("There are changes that no commit holds: the results will say so")
    started = time.perf_counter()
    act = smoke if chosen.smoke else train

    def one(cell: Cell) -> tuple[Cell, float]:
        return cell, act(cell, chosen.work, more, chosen.jobs)

    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        futures = [pool.submit(one, cell) for cell in missing]
        try:
            for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
                cell, accuracy = future.result()
                spent = time.perf_counter() - started
                left = spent / done * (len(missing) - done) / 60
                said = "runs" if chosen.smoke else f"{accuracy:.1f} %"
                print(
                    f"[{done:2}/{len(missing)}] {cell}: {said} "
                    f"({spent / 60:.0f} min, {left:.0f} min left)",
                    flush=True,
                )
        except (RuntimeError, ValueError, OSError) as error:
            pool.shutdown(cancel_futures=True)
            sys.exit(f"grid.py: {error}")
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            refuse("Stopped. The same command goes on from here", 130)


if __name__ == "__main__":
    main()
