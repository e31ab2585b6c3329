"""How much a seed moved the scores of a profile's real runs: `python -m studies.seed_noise PROFILE` measures it.

What the gate expects (params.yaml, `gate.seed_sd` and `profiles.*.seed_sd`) comes from here, and what is simulated
(`retrains`); the file says of which runs.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.params import load_params
from pipeline.files.atomic import write_json
from pipeline.files.digest import hash_files
from pipeline.gate.cells import Files, list_files
from pipeline.runs import layout
from pipeline.runs.index import list_planned, read_plan
from pipeline.statistics.predictions import align, read_predictions
from pipeline.statistics.samples import measure, measure_spread
from pipeline.statistics.seeds import SD_G, infer_seed_sd

MEASURED = Path("pipeline/gate/seed_noise.json")


def measure_seed_noise(files: Files, metrics: dict[str, str]) -> dict[str, dict[str, Any]]:
    """By task, from every row whose seeds say something: two of them at least, not all collapsed, not all the same.

    `sd` is the standard deviation between seeds that its rows are centred on (their geometric mean), without what
    flipped predictions bring (`statistics.seeds`, from no expectation); `raw_sd` is the pooled one of the scores.
    """
    spreads: dict[str, list] = {}
    for (_, _, task), paths in files.items():
        spread = measure_spread(measure(metrics[task], *align([read_predictions(path) for path in paths.values()])))
        if spread.degrees:
            spreads.setdefault(task, []).append(spread)
    measured = {}
    for task, rows in spreads.items():
        degrees = sum(spread.degrees for spread in rows)
        measured[task] = {
            "sd": float(np.exp((infer_seed_sd(rows) @ np.log(SD_G)).mean())),
            "raw_sd": float(np.sqrt(sum(spread.sum_of_squares for spread in rows) / degrees)),
            "rows": len(rows),
            "degrees": degrees,
        }
    return measured


def measure_profile(profile: str, metrics: dict[str, str], root: Path = Path()) -> dict[str, Any]:
    """The measurement with what it was made of: the present results of the profile, of rows with two seeds or more.

    A profile without results, or with one seed of everything, is a `ValueError`.
    """
    plan, _ = read_plan(root, profile)
    trained = {
        (phase, row["row"]) for phase in layout.PHASES for row in plan[phase] if phase == "part1" or "keep" in row
    }
    planned = {slot for slot in list_planned(plan) if slot[:2] in trained}  # seeds of untrained heads say nothing else
    folder = root / layout.results(profile) / "predictions"
    files: Files = {}
    for (phase, row, task), paths in list_files(folder).items():
        kept = {seed: path for seed, path in paths.items() if (phase, row, seed) in planned}
        if len(kept) > 1:
            files[phase, row, task] = kept
    if not files:
        raise ValueError(f"{folder}: no row has predictions of two seeds; nothing says how much a seed moves a score")
    used = [path for paths in files.values() for path in paths.values()]
    return {
        "profile": profile,
        "encoder": plan["encoder"],
        "rows": sorted({row for _, row, _ in files}),
        "seeds": sorted({seed for paths in files.values() for seed in paths}),
        "predictions": hash_files(used, folder),
        "tasks": measure_seed_noise(files, metrics),
    }


def main() -> None:
    """Measure, print, and write the file that params.yaml is held to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", help="whose results")
    parser.add_argument("--output", type=Path, default=MEASURED, metavar="FILE", help=f"({MEASURED})")
    arguments = parser.parse_args()
    metrics = {name: task.metric for name, task in load_params().tasks.items()}
    measured = measure_profile(arguments.profile, metrics)
    write_json(arguments.output, measured)
    for task, found in measured["tasks"].items():
        print(f"{task}: {found['sd']:.2g} ({found['rows']} rows; with flips {found['raw_sd']:.2g})")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"seed_noise: {error}")
