"""What happened during training, as tidy data frames: scores per epoch, and the tasks' gradients step by step."""

from collections.abc import Iterable

import pandas as pd

from pipeline.reporting.results import Result, Results

CURVE_COLUMNS = ("phase", "row", "seed", "leg", "epoch", "task", "split", "metric", "value")
CONFLICT_COLUMNS = ("phase", "row", "seed", "pair", "step", "cosine", "conflict")
NORM_COLUMNS = ("phase", "row", "seed", "task", "step", "norm")


def curve_table(runs: Iterable[Result]) -> pd.DataFrame:
    """Scores per epoch of these runs, on parts of train, dev and, where an epoch is chosen on it, what is held out:

    one line per (run, leg, epoch, task, split).
    """
    tables = [run.history.assign(phase=run.phase, row=run.row, seed=run.seed) for run in runs]
    tables = [table[list(CURVE_COLUMNS)] for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(CURVE_COLUMNS))


def conflict_table(results: Results) -> pd.DataFrame:
    """Per logged window of every run that trained several tasks at once, and per pair of tasks:

    `cosine`, the mean cosine between the two tasks' gradients of the shared parameters, and `conflict`, the fraction
    of the window's steps in which it was negative (Yu et al. 2020, definition 1). `pair` reads `sst_para`.
    """
    lines = []
    for run in results.runs:
        metrics = run.training["metrics"]
        for pair in [key.removeprefix("gradients/cosine.") for key in metrics if key.startswith("gradients/cosine.")]:
            if f"gradients/conflict.{pair}" not in metrics:
                where = f"record of {run.phase}/{run.row}-{run.seed}"
                raise ValueError(f"{where}: gradients/cosine.{pair} without gradients/conflict.{pair}")
            conflict_at = {step: value for step, _, value in metrics[f"gradients/conflict.{pair}"]}
            for step, _, cosine in metrics[f"gradients/cosine.{pair}"]:
                lines.append((run.phase, run.row, run.seed, pair, step, cosine, conflict_at.get(step)))
    return pd.DataFrame(lines, columns=list(CONFLICT_COLUMNS))


def norm_table(results: Results) -> pd.DataFrame:
    """Per logged window and task of every run that has it: the norm of the task's gradient of the shared parameters."""
    prefix = "gradients/norm."
    lines = [
        (run.phase, run.row, run.seed, key.removeprefix(prefix), step, norm)
        for run in results.runs
        for key, points in run.training["metrics"].items()
        if key.startswith(prefix)
        for step, _, norm in points
    ]
    return pd.DataFrame(lines, columns=list(NORM_COLUMNS))
