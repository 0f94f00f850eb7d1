"""The paper's figures, and one of ours, from our own runs.

    python recipes/figures.py --smoke
    python recipes/figures.py --results=recipes/results/cifar10_lt_small --figure=1a,2

  1a         accuracy and cosine: cross-entropy, with SpA-Reg, misaligned on purpose
  1b-d       three classes in the plane, three geometries, their error exponents
  2          cosine of weight and class mean by class, from head to tail
  3          paths of weights and class means on the sphere, without and with SpA-Reg
  4          accuracy and cosine over the epochs
  exponents  exponents against measured errors, by class and by model (ours)

1b-d and 3 are toys and need no runs. The others are drawn from the result files that a
recipe leaves in its --output_dir, and that folder is what --results takes. A figure
whose runs are missing is left out, and a line says what to run; then the exit code is
1. Each figure is left as PNG and SVG, 7 inches wide, with its caption in README.md.
--smoke trains what is needed on the digits, in about a minute.

The paper: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters".
"""

import argparse
import pathlib
import re
import subprocess
import sys
import time

import engine  # noqa: F401
import matplotlib
from engine.methods import ALIGNMENTS
from reporting import summary
from reporting.figures import exponents, sphere, toys
from reporting.figures import runs as run_figures

from keras_spa import plots
from keras_spa.files import write_atomically

HERE = pathlib.Path(__file__).parent
DEFAULT = "recipes/results/cifar10_lt_small"
TOYS = {"1b-d": toys.draw, "3": sphere.draw}
FIGURES = ("1a", "1b-d", "2", "3", "4", "exponents")
PRINTED = {"font.size": 8, "axes.titlesize": 9, "legend.fontsize": 8}
RESOLUTION = 300  # dots an inch
SMOKE_FACTORS = (20.0, 50.0)
# Alignments to train at each imbalance factor with --smoke.
SMOKE_RUNS = {20: "none,spa_reg,misaligned", 50: "none,spa_reg"}
SMOKE_TRAINING = ("--epochs=30", "--validate_every=1")


class Missing(Exception):
    """Says why a figure cannot be drawn, and what to run."""


def parse(arguments):
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


def _list(text):
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text):
    return [float(part) for part in _list(text)]


def main(arguments=None):
    """Draws what the command line asks for; the exit code."""
    chosen = parse(arguments)
    folders = [pathlib.Path(folder) for folder in chosen.results or [DEFAULT]]
    factors = chosen.imbalance_factors or [100.0, 200.0]
    if chosen.smoke:
        folders, factors = [chosen.output_dir / "digits_lt"], SMOKE_FACTORS
        if set(chosen.figure) - set(TOYS):
            train_digits(folders[0])
    jobs = [(name, None) for name in chosen.figure if name in TOYS]
    jobs += [(n, f) for f in folders for n in chosen.figure if n not in TOYS]
    failed = 0
    for number, (name, folder) in enumerate(jobs, 1):
        stem = f"figure_{name}"
        if folder and len(folders) > 1:
            stem += f"_{folder.name}"
        started = time.perf_counter()
        try:
            leave(chosen.output_dir, stem, name, folder, factors)
            seconds = time.perf_counter() - started
            words = f"{chosen.output_dir / stem}.png and .svg ({seconds:.1f} s)"
        except Missing as error:
            failed, words = failed + 1, f"not drawn: {error}"
        print(f"[{number}/{len(jobs)}] figure {name}: {words}", flush=True)
    write_captions(chosen.output_dir)
    return 1 if failed else 0


def train_digits(folder):
    """The few short runs of --smoke; those of an earlier call are kept."""
    for factor, alignments in SMOKE_RUNS.items():
        command = [
            sys.executable,
            HERE / "digits_lt.py",
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


def leave(output_dir, stem, name, folder, factors):
    """Draws one figure and writes its PNG, SVG and caption."""
    with plots.style(), matplotlib.rc_context(PRINTED):
        if name in TOYS:
            figure, caption = TOYS[name]()
        else:
            figure, caption = draw_runs(name, folder, factors)
        for kind in ("png", "svg"):
            plots.save(figure, output_dir / f"{stem}.{kind}", RESOLUTION)
    caption = f"**Figure {name}** ([PNG]({stem}.png), [SVG]({stem}.svg)). {caption}\n"
    write_atomically(output_dir / f"{stem}.md", caption)


def draw_runs(name, folder, factors):
    """Figure and caption from the result files of a folder."""
    try:
        results = summary.load(folder / "runs")
    except (ValueError, KeyError) as error:
        raise Missing(f"a file in {folder / 'runs'} is no result: {error!r}") from error
    if name == "exponents":
        used = [run for run in results if run.get("exponent_per_class")]
        if not used:
            raise Missing(
                f"needs `exponent_per_class`, which none of the {len(results)} result "
                f"files in {folder / 'runs'} holds; run their recipe again"
            )
        drawn = exponents.draw(used)
    elif name == "2":
        panels = {f: of_factor(results, folder, f, ["none"]) for f in factors}
        used = [run for runs in panels.values() for run in _flat(runs)]
        drawn = run_figures.cosine_by_class(panels)
    else:
        if name == "1a":
            factor, wanted = factors[0], ["none", "spa_reg", "misaligned"]
            found = of_factor(results, folder, factor, wanted)
            runs = {alignment: found[alignment] for alignment in wanted}
            drawn = run_figures.accuracy_and_cosine(runs, factor)
        else:
            factor = factors[-1]
            runs = of_factor(results, folder, factor, ["none", "spa_reg"])
            drawn = run_figures.over_epochs(runs, factor)
        used = _flat(runs)
    figure, caption = drawn
    return figure, f"{caption} {_source(used, folder)}"


def of_factor(results, folder, factor, wanted):
    """`{alignment: results}` with cross-entropy; Missing without one of `wanted`."""
    found = {}
    for run in results:
        if run["method"] == "ce" and run["flags"]["imbalance_factor"] == factor:
            found.setdefault(run["alignment"], []).append(run)
    if missing := [name for name in wanted if name not in found]:
        names = ", ".join(ALIGNMENTS[name] for name in missing)
        commands = "\n".join(f"    {_command(folder, a, factor)}" for a in missing)
        raise Missing(
            f"{folder / 'runs'} has no runs of cross-entropy with alignment {names} at "
            f"imbalance factor {factor:g}; run\n{commands}"
        )
    return found


def _command(folder, alignment, factor):
    """How the flagfile of the folder's name says to make the runs that are missing."""
    stem = "ce" if alignment == "none" else f"ce_{alignment}"
    flagfile = HERE / "flagfiles" / folder.name / f"{stem}.flags"
    choice = f"--imbalance_factor={factor:g} --output_dir={folder}"
    if not flagfile.exists():
        return f"its recipe with --method=ce --alignment={alignment} {choice}"
    command = re.search(r"^# Command: (.*)$", flagfile.read_text(), re.M)[1]
    return f"{command} {choice}"


def _flat(runs):
    return [run for of_seeds in runs.values() for run in of_seeds]


def _source(used, folder):
    titles = " and ".join(dict.fromkeys(run["dataset"] for run in used))
    seeds = sorted({run["seed"] for run in used})
    epochs = sorted({run["flags"]["epochs"] for run in used})
    return (
        f"{titles}: {len(used)} result files of {folder / 'runs'}, seeds "
        f"{', '.join(map(str, seeds))}, {' and '.join(map(str, epochs))} epochs."
    )


def write_captions(output_dir):
    """README.md from the captions of all figures that lie there."""
    captions = [path.read_text() for path in sorted(output_dir.glob("figure_*.md"))]
    introduction = "# Figures\n\nGenerated by `python recipes/figures.py`.\n"
    write_atomically(output_dir / "README.md", "\n".join([introduction, *captions]))


if __name__ == "__main__":
    sys.exit(main())
