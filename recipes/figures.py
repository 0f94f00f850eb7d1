"""The paper's figures, and some of ours, from our own runs.

    python recipes/figures.py --smoke
    python recipes/figures.py --results=recipes/results/cifar10_lt_small --figure=1a,2

  1a         accuracy and cosine: cross-entropy, with SpA-Reg, misaligned on purpose
  1b-d       three classes in the plane, three geometries, their error exponents
  2          cosine of weight and class mean by class, from head to tail
  3          paths of weights and class means on the sphere, without and with SpA-Reg
  4          accuracy and cosine over the epochs
  exponents  exponents against measured errors, by class and by model (ours)
  after-training  what posthoc.py found on all data sets beside --results (ours)
  predictors  these gains against measures of the models: what foretells them (ours)
  plain-loss  what plain class means lose beside optimal weights, and theorem T8 (ours)
  training-length  accuracy in few and in many epochs, with and without SpA-SLERP (ours)

1b-d and 3 are toys and need no runs. The others are drawn from the result files that a
recipe leaves in its --output_dir, and that folder is what --results takes. A figure
whose runs are missing is left out, and a line says what to run; then the exit code is
1. Each figure is left as PNG and SVG, 7 inches wide, with its caption in README.md.
--smoke trains what is needed on the digits, in about a minute, and leaves out those
that need more runs, the last four.

The paper: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters".
"""

import argparse
import pathlib
import subprocess
import sys
import time

from engine.command_line import refuse
from keras_spa_cli.screen import quiet
from reporting.figures.names import FIGURES, OVERVIEWS, TOYS

HERE = pathlib.Path(__file__).parent
DEFAULT = "recipes/results/cifar10_lt_small"
SMOKE_FACTORS = [20.0, 50.0]
# Alignments to train at each imbalance factor with --smoke.
SMOKE_RUNS = {20: "none,spa_reg,misaligned", 50: "none,spa_reg"}
SMOKE_TRAINING = ("--epochs=30", "--validate_every=1")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--results",
        type=_list,
        help="folders of results, with runs/*.json in them, separated by commas: each "
        f"gives figures of its own. Default: {DEFAULT}",
    )
    parser.add_argument(
        "--output_dir",
        type=pathlib.Path,
        default="output/figures",
        help="where figures and captions go. Default: %(default)s",
    )
    parser.add_argument(
        "--figure",
        type=_list,
        default=list(FIGURES),
        help=f"which to draw, of {','.join(FIGURES)}. Default: all",
    )
    parser.add_argument(
        "--imbalance_factors",
        type=_numbers,
        help="figure 2 shows all of them, 1a the first, 4 the last. Default: 100,200",
    )
    parser.add_argument(
        "--smoke",
        action="store_true",
        help="train on the digits at imbalance factors 20 and 50, then draw",
    )
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.figure if name not in FIGURES]
    if unknown or not chosen.figure:
        parser.error(f"--figure knows {', '.join(FIGURES)}, not {', '.join(unknown)}")
    names = [pathlib.Path(folder).name for folder in chosen.results or []]
    if len(set(names)) < len(names):
        parser.error("--results must name folders of different names, as figures do")
    if chosen.smoke and (chosen.results or chosen.imbalance_factors):
        parser.error("--smoke makes its own results; leave out what chooses others")
    return chosen


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[float]:
    return [float(part) for part in _list(text)]


def main(arguments: list[str] | None = None) -> int:
    """Draws what the command line asks for; the exit code."""
    chosen = parse(arguments)
    with quiet():  # Keras takes seconds, and TensorFlow tells of its start
        from reporting.figures import catalogue
    folders = [pathlib.Path(folder) for folder in chosen.results or [DEFAULT]]
    factors = chosen.imbalance_factors or [100.0, 200.0]
    if chosen.smoke:  # which trains no models to compare afterwards
        chosen.figure = [name for name in chosen.figure if name not in OVERVIEWS]
        folders, factors = [chosen.output_dir / "digits_lt"], SMOKE_FACTORS
        if set(chosen.figure) - set(TOYS):
            train_digits(folders[0])
    jobs: list[tuple[str, pathlib.Path | None]] = [
        (name, None) for name in chosen.figure if name in TOYS
    ]
    for name in chosen.figure:
        if name not in TOYS:
            jobs += [(name, f) for f in folders[: 1 if name in OVERVIEWS else None]]
    failed = 0
    for number, (name, folder) in enumerate(jobs, 1):
        stem = f"figure_{name}"
        if folder and len(folders) > 1 and name not in OVERVIEWS:
            stem += f"_{folder.name}"
        started = time.perf_counter()
        try:
            catalogue.write(chosen.output_dir, stem, name, folder, factors)
            seconds = time.perf_counter() - started
            words = f"{chosen.output_dir / stem}.png and .svg ({seconds:.1f} s)"
        except catalogue.Missing as error:
            failed, words = failed + 1, f"not drawn: {error}"
        except OSError as error:
            refuse(error)
        print(f"[{number}/{len(jobs)}] figure {name}: {words}", flush=True)
    catalogue.write_captions(chosen.output_dir)
    return 1 if failed else 0


def train_digits(folder: pathlib.Path) -> None:
    """The few short runs of --smoke; those of an earlier call are kept."""
    for factor, alignments in SMOKE_RUNS.items():
        command = [
            sys.executable,
            str(HERE / "digits_lt.py"),
            "--method=ce",
            f"--alignment={alignments}",
            f"--imbalance_factor={factor}",
            "--seeds=0",
            "--jobs=1",
            f"--output_dir={folder}",
            *SMOKE_TRAINING,
        ]
        if code := subprocess.run(command).returncode:
            sys.exit(code)


if __name__ == "__main__":
    sys.exit(main())
