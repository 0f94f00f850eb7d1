"""Chooses the parameters of the alignments on validation images, never on test.

    python recipes/choose.py cifar10_lt --jobs=2 --flagfile=FILE

Runs the recipe on its validation split once without alignment and once with each
candidate below, or with those whose names match --candidates=REGEX; all other
arguments go to the recipe. Prints, and leaves in --output_dir/choices.md, the accuracy
of each candidate and its gain over no alignment, paired by seed and with its 95 %
interval, best first.
"""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys

from engine import cores
from reporting import choices_page

from keras_spa.files import write_atomically

REG, SLERP, PROJ = (f"--alignment=spa_{name}" for name in ("reg", "slerp", "proj"))
OURS = ("--output_dir", "--jobs", "--candidates")
CONSTANT = "--nospa_slerp_ramp"
CENTRED, EQUAL = "--spa_slerp_center", "--spa_slerp_norm=equal"
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
}


def run(recipe, arguments, name, output, jobs):
    """The results of a candidate, by (method, seed)."""
    folder = output / "".join(c if c.isalnum() else "_" for c in name)
    script = pathlib.Path(__file__).parent / f"{recipe}.py"
    command = [sys.executable, str(script), *arguments, *CANDIDATES[name]]
    command += ["--split=validation", "--noverbose", "--jobs=1"]
    done = subprocess.run(
        [*command, f"--output_dir={folder}"],
        capture_output=True,
        text=True,
        env=cores.share(jobs),
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    results = [json.loads(path.read_text()) for path in folder.glob("runs/*.json")]
    return {(result["method"], result["seed"]): result for result in results}


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        sys.exit(2)
    recipe, *rest = arguments
    values = dict(a.removeprefix("--").split("=", 1) for a in rest if "=" in a)
    output = pathlib.Path(values.get("output_dir", f"output/choose_{recipe}"))
    jobs = int(values.get("jobs", 1))
    rest = [a for a in rest if not a.startswith(OURS)]
    wanted = values.get("candidates", "")
    names = [n for n in CANDIDATES if n == "none" or re.search(wanted, n)]
    measured = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda name: run(recipe, rest, name, output, jobs), names)
        for name, result in zip(names, results, strict=True):
            measured[name] = result
            print(f"[{len(measured):2}/{len(names)}] {name}", flush=True)
    text = choices_page.table(measured)
    write_atomically(output / "choices.md", text)
    print(f"\n{text}")


if __name__ == "__main__":
    main(sys.argv[1:])
