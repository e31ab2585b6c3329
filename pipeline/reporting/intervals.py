"""How sure the tables are: intervals over seeds and examples, from the predictions of every example."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.evaluation.metrics import OVERALL
from pipeline.reporting.results import Result, Results
from pipeline.reporting.tables import metric_name
from pipeline.statistics.predictions import align, find_tasks, read_predictions
from pipeline.statistics.seeds import SD_G
from pipeline.statistics.table import TaskScores, average_tasks, score_task

INTERVAL_COLUMNS = ("phase", "row", "task", "metric", "mean", "low", "high", "example_sd", "seed_sd", "n", "collapsed")


def measure_scores(results: Results, phase: str) -> dict[str, TaskScores]:
    """Every task of a phase, and `overall`, from the predictions of every run that the plan lists.

    Predictions that are missing are a `ValueError`; so are rows that were evaluated on different examples.
    """
    rows = {row["row"]: row["tasks"] for row in results.rows(phase)}
    controls = {row["row"]: row["control"] for row in results.rows(phase) if row.get("control")}
    untrained = [row["row"] for row in results.rows(phase) if "keep" not in row]
    seeds = {row: [run.seed for run in results.runs_of(phase, row)] for row in rows}
    scores = {}
    for task in dict.fromkeys(task for tasks in rows.values() for task in tasks):
        runs = [run for row, tasks in rows.items() if task in tasks for run in results.runs_of(phase, row)]
        files = [_find_file(run, task) for run in runs]
        labels_N, predictions_SN = align([read_predictions(file) for file in files])
        names = np.array([run.row for run in runs])
        by_row = {name: predictions_SN[names == name] for name in dict.fromkeys(names.tolist())}
        scores[task] = score_task(f"{phase} {task}", results.metric(task), labels_N, by_row, seeds, controls, untrained)
    return scores | {OVERALL: average_tasks(f"{phase} {OVERALL}", scores, rows)}


def interval_table(results: Results, scores: dict[str, dict[str, TaskScores]]) -> pd.DataFrame:
    """One line per phase, row and task; `scores` are those of each phase.

    `example_sd` is the standard error that the choice of examples brings; `seed_sd` the standard deviation between
    seeds that the table's rows speak for, empty where they say nothing. `collapsed` is the number of seeds whose
    predictions hardly depend on the example (`metrics.is_collapsed`), of `overall` those of any task.
    """
    lines = []
    for phase, by_task in scores.items():
        for row in results.rows(phase):
            for task in [task for task in [*row["tasks"], OVERALL] if task in by_task]:
                if row["row"] not in by_task[task].rows:
                    continue
                measured, weights_G = by_task[task].rows[row["row"]], by_task[task].seed_weights.get(row["row"])
                lines.append((
                    phase, row["row"], task, metric_name(results, task), measured.mean,
                    *by_task[task].interval(row["row"]), float(measured.resampled_B.std()),
                    None if weights_G is None else float(weights_G @ SD_G), measured.num_seeds,
                    int(measured.collapsed_S.sum()),
                ))  # fmt: skip
    return pd.DataFrame(lines, columns=list(INTERVAL_COLUMNS))


def _find_file(run: Result, task: str) -> Path:
    files = find_tasks(run.predictions) if run.predictions else {}
    if task not in files:
        raise ValueError(f"{run.phase}/{run.row}-{run.seed}: no predictions of {task}, though the plan lists this run")
    return files[task]
