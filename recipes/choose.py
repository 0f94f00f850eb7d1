"""Chooses the parameters of the alignments on validation images, never on test.

    python recipes/choose.py cifar10_lt --jobs=2 --flagfile=FILE

Runs the recipe on its validation split once without alignment and once with each
candidate below, or with those whose names match --candidates=REGEX; all other
arguments go to the recipe. Prints, and leaves in --output_dir/choices.md, the accuracy
of each candidate and its gain over no alignment, paired by seed and with its 95 %
interval, best first.
"""

import argparse
import concurrent.futures
import dataclasses
import pathlib
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from engine import command_line, storage
from engine.config import RunConfig
from engine.processes import at_least_one, pattern, run_recipe
from engine.registry import RECIPES

REG, SLERP, PROJ = (f"--alignment=spa_{name}" for name in ("reg", "slerp", "proj"))
REG_N, SLERP_N, PROJ_N = (f"{flag}_noise" for flag in (REG, SLERP, PROJ))
CONSTANT = "--nospa_slerp_ramp"
LENGTHS = "--noise_slerp_norm=noise"
CENTRED, EQUAL = "--spa_slerp_center", "--spa_slerp_norm=equal"
# What a flagfile gives an alignment, and a candidate does not name, counts for none.
DEFAULTS = [
    f"--{field.name}={field.default}"
    for field in dataclasses.fields(RunConfig)
    if field.name.startswith(("spa_", "noise_", "misaligned_"))
]
CANDIDATES = {
    "none": ["--alignment=none"],
    "SpA-Reg 0.03": [REG, "--spa_reg_strength=0.03"],
    "SpA-Reg 0.1": [REG, "--spa_reg_strength=0.1"],
    "SpA-Reg 0.3": [REG, "--spa_reg_strength=0.3"],
    "SpA-Reg 1": [REG, "--spa_reg_strength=1"],
    "SpA-Reg 0.3, classifier": [
        REG,
        "--spa_reg_strength=0.3",
        "--spa_reg_gradient=classifier",
    ],
    "SpA-Reg 0.3, not centred": [REG, "--spa_reg_strength=0.3", "--nospa_reg_center"],
    "SpA-Reg 0.3, second half": [REG, "--spa_reg_strength=0.3", "--spa_start=0.5"],
    "SpA-SLERP (0.02, 0.95)": [
        SLERP,
        "--spa_slerp_rate=0.02",
        "--spa_slerp_threshold=0.95",
    ],
    "SpA-SLERP (0.2, 0.9)": [
        SLERP,
        "--spa_slerp_rate=0.2",
        "--spa_slerp_threshold=0.9",
    ],
    "SpA-SLERP (0.02, 0.95), constant": [
        SLERP,
        "--spa_slerp_rate=0.02",
        "--spa_slerp_threshold=0.95",
        CONSTANT,
    ],
    "SpA-SLERP (0.2, 0.9), equal norms": [
        SLERP,
        "--spa_slerp_rate=0.2",
        "--spa_slerp_threshold=0.9",
        EQUAL,
    ],
    "SpA-SLERP (0.2, 0.9), centred": [
        SLERP,
        "--spa_slerp_rate=0.2",
        "--spa_slerp_threshold=0.9",
        CENTRED,
    ],
    "SpA-SLERP (0.02, 1), centred, equal norms": [
        SLERP,
        "--spa_slerp_rate=0.02",
        "--spa_slerp_threshold=1",
        CENTRED,
        EQUAL,
    ],
    "SpA-Proj 0": [PROJ, "--spa_proj_gamma=0"],
    "SpA-Proj 0.3": [PROJ, "--spa_proj_gamma=0.3"],
    "SpA-Proj 0.6": [PROJ, "--spa_proj_gamma=0.6"],
    "SpA-Proj 0.6, second half": [PROJ, "--spa_proj_gamma=0.6", "--spa_start=0.5"],
    **{
        f"SpA-Reg (noise) {strength}": [REG_N, f"--noise_reg_strength={strength}"]
        for strength in (0.03, 0.1, 0.3, 1)
    },
    **{
        f"SpA-SLERP (noise) {rate}": [SLERP_N, f"--noise_slerp_rate={rate}"]
        for rate in (0.001, 0.003, 0.01, 0.03)
    },
    **{
        f"SpA-SLERP (noise) {rate}, first {share}{lengths}": [
            SLERP_N,
            f"--noise_slerp_rate={rate}",
            f"--spa_stop={share}",
            *norm,
        ]
        for rate in (0.01, 0.03)
        for share in (0.4, 0.7)
        for lengths, norm in (("", ()), (", noise's lengths", [LENGTHS]))
    },
    **{
        f"SpA-SLERP (noise) {rate}, fading": [
            SLERP_N,
            f"--noise_slerp_rate={rate}",
            "--noise_slerp_fade",
        ]
        for rate in (0.003, 0.01, 0.03)
    },
    **{
        f"SpA-SLERP (noise) 0.01, fading, shrinkage {shrinkage}": [
            SLERP_N,
            "--noise_slerp_fade",
            f"--noise_shrinkage={shrinkage}",
        ]
        for shrinkage in (0.05, 0.2, 0.5)
    },
    "SpA-SLERP (noise) 0.01, fading, threshold 0.95": [
        SLERP_N,
        "--noise_slerp_fade",
        "--noise_slerp_threshold=0.95",
    ],
    **{
        f"SpA-Proj (noise) {gamma}": [PROJ_N, f"--noise_proj_gamma={gamma}"]
        for gamma in (0, 0.6)
    },
}


def run_candidate(
    recipe: str, arguments: Sequence[str], name: str, output: pathlib.Path, jobs: int
) -> dict[tuple[str, int], dict[str, Any]]:
    """The results of a candidate, by (method, seed)."""
    folder = output / "".join(c if c.isalnum() else "_" for c in name)
    command = [*candidate_arguments(arguments, name), "--noverbose", "--jobs=1"]
    try:
        run_recipe(recipe, [*command, f"--output_dir={folder}"], jobs)
    except RuntimeError as error:
        raise RuntimeError(f"{name}: {error}") from None
    runs = candidate_job(recipe, arguments, name).runs  # others may lie there too
    return {
        (one.method, one.seed): storage.read_result(storage.result_path(folder, one))
        for one in runs
    }


def candidate_job(
    recipe: str, arguments: Sequence[str], name: str
) -> command_line.JobConfig:
    """The runs of a candidate; ValueError if the recipe refuses its arguments."""
    return command_line.parse(candidate_arguments(arguments, name), RECIPES[recipe])


def candidate_arguments(arguments: Sequence[str], name: str) -> list[str]:
    """The arguments of the recipe for a candidate.

    Its alignment is its own, and that of flags given by hand; not that of a flagfile.
    """
    files = [n for n, one in enumerate(arguments) if one.startswith("--flagfile")]
    first = 1 + files[-1] + ("=" not in arguments[files[-1]]) if files else 0
    given = [*arguments[:first], *DEFAULTS, *arguments[first:]]
    return [*given, *CANDIDATES[name], "--split=validation"]


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Our own arguments, and those for the recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("recipe", choices=RECIPES, help="whose runs to choose for")
    parser.add_argument(
        "--jobs", type=at_least_one, default=1, help="candidates side by side"
    )
    parser.add_argument(
        "--candidates",
        type=pattern,
        default=re.compile(""),
        help="which, by name; default: all",
    )
    parser.add_argument(
        "--output_dir",
        type=pathlib.Path,
        help="where runs and table go. Default: output/choose_RECIPE",
    )
    chosen, rest = parser.parse_known_args(arguments)
    if not any(map(chosen.candidates.search, CANDIDATES)):
        parser.error(f"--candidates matches none of {', '.join(CANDIDATES)}")
    chosen.output_dir = chosen.output_dir or pathlib.Path(
        f"output/choose_{chosen.recipe}"
    )
    return chosen, rest


def main(arguments: Sequence[str] | None = None) -> None:
    chosen, rest = parse(arguments)
    names = [n for n in CANDIDATES if n == "none" or chosen.candidates.search(n)]
    try:
        for name in names:
            candidate_job(chosen.recipe, rest, name)
    except ValueError as error:
        command_line.refuse(error)

    commit = storage.commit()

    def run(name):
        return run_candidate(chosen.recipe, rest, name, chosen.output_dir, chosen.jobs)

    measured = {}
    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        try:
            for name, results in zip(names, pool.map(run, names), strict=True):
                measured[name] = results
                print(f"[{len(measured):2}/{len(names)}] {name}", flush=True)
        except (RuntimeError, ValueError, OSError) as error:
            pool.shutdown(cancel_futures=True)
            sys.exit(f"choose.py: {error}")
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            command_line.refuse("Stopped. The same command goes on from here", 130)
    from keras_spa.files import write_atomically  # with Keras, which takes seconds
    from reporting import choices_page

    given = sys.argv[1:] if arguments is None else arguments
    asked = re.sub(r" --(output|data)_dir[= ]\S+", "", shlex.join(given))
    said = f"`python recipes/choose.py {asked}`, commit {commit}"
    text = f"{said}\n\n{choices_page.table(measured)}"
    write_atomically(chosen.output_dir / "choices.md", text)
    print(f"\n{text}")


if __name__ == "__main__":
    main()
