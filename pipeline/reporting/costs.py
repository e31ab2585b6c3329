"""What every row cost, and which epoch its seeds kept."""

from collections.abc import Iterable
from statistics import fmean
from typing import Any

import pandas as pd

from pipeline.reporting.results import EVALUATED_PHASES, Result, Results

COST_COLUMNS = ("phase", "row", "n", "keep", "kept_epochs", "epochs", "start", "steps", "tokens", "minutes")
MEASURES = {"steps": ("cost/steps", 1), "tokens": ("cost/tokens", 1), "minutes": ("cost/seconds", 60)}


def cost_table(results: Results) -> pd.DataFrame:
    """One line per row of part 1 and phase 2; what the records or the plan do not say is empty.

    `keep` is the rule, `kept_epochs` the epochs of the last leg that the seeds kept (`4 5 3`), of its `epochs`. `steps`
    (of the optimizer), `tokens` (through the encoder in training) and `minutes` (of training) are means over the `n`
    seeds: the row's own, and those of the phase-1 recipe that it starts from. An average costs what its members do,
    each training once.
    """
    lines = []
    for phase in EVALUATED_PHASES:
        for row in results.rows(phase):
            runs = results.runs_of(phase, row["row"])
            kept = [_find_kept(run) for run in runs]
            line: dict[str, Any] = {"phase": phase, "row": row["row"], "n": len(runs), "keep": row.get("keep", "")}
            line |= {
                "kept_epochs": " ".join(str(epoch) for epoch, _ in kept if epoch),
                "epochs": next((epochs for _, epochs in kept), None),
                "start": row.get("start", " + ".join(row.get("of", []))),
            }
            for name, (key, unit) in MEASURES.items():
                costs = [_add_up(results, row, run, key) for run in runs]
                line[name] = None if not costs or None in costs else fmean(costs) / unit
            lines.append(line)
    return pd.DataFrame(lines, columns=list(COST_COLUMNS)).astype({"epochs": "Int64"} | dict.fromkeys(MEASURES, float))


def kept_epochs(run: Result) -> dict[int, int]:
    """The epoch that a run kept of each leg, from 1, where its record says so."""
    keys = [key for key in run.training["metrics"] if key.startswith("kept_epoch/leg_")]
    return {int(key.rpartition("_")[2]): int(run.last_point(key)) for key in keys}


def name_machines(runs: Iterable[Result]) -> list[str]:
    """The machines that runs were trained on, in words."""
    names = {}
    for run in runs:
        where, device = run.training["environment"], run.training["tags"].get("device", "cpu")
        cpu = f"{where.get('cpu', 'an unknown processor')}, {where.get('num_cores', '?')} cores"
        names[cpu if device == "cpu" else f"{where.get('gpu', device)} ({cpu})"] = None
    return list(names)


def _find_kept(run: Result) -> tuple[int | None, int | None]:
    """The epoch kept of the last leg and its number of epochs."""
    kept = kept_epochs(run)
    if not kept:
        return None, None
    return kept[max(kept)], run.training["params"].get(f"schedule.leg_{max(kept)}.epochs")


def _add_up(results: Results, row: dict[str, Any], run: Result, key: str) -> float | None:
    """What a run cost, with the run of the same seed that it starts from; of an average, what its members did."""
    parts = [(row, run)]
    if "of" in row:
        members = [member for member in results.rows("phase2") if member["row"] in row["of"]]
        parts = [
            (member, trained)
            for member in members
            for trained in results.runs_of("phase2", member["row"])
            if "over" in row or trained.seed == run.seed
        ]
    trainings = {id(trained): trained for _, trained in parts}
    for member, trained in parts:
        starts = results.runs_of("phase1", member.get("start", ""))
        trainings |= {id(start): start for start in starts if start.seed == trained.seed}
    costs = [part.last_point(key) for part in trainings.values()]
    return None if None in costs else sum(costs)
