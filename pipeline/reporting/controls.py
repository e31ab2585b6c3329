"""Every phase-2 row against its control: what a change brought, its interval, and whether it is more than noise."""

from typing import Any

import pandas as pd

from pipeline.evaluation.metrics import OVERALL
from pipeline.reporting.results import Results
from pipeline.reporting.tables import mean_and_sd, metric_name, seed_scores
from pipeline.statistics.holm import adjust
from pipeline.statistics.table import TaskScores

CONTROL_COLUMNS = (
    "row", "control", "task", "metric", "difference", "sd", "n", "low", "high", "p", "p_holm", "mark",
)  # fmt: skip
FAMILY_ERROR = 0.05
BETTER, WORSE = "▲", "▼"


def control_table(results: Results, scores: dict[str, TaskScores]) -> pd.DataFrame:
    """The difference of every row to its control, for the tasks that both have.

    The overall score is among them where both rows evaluate the same tasks: else it is the mean of other things.
    `difference` is the mean of (row - control) over the `n` seeds that both have, `sd` the sample standard deviation of
    the differences seed by seed; `low` and `high` bound its 95% interval (`TaskScores.difference`). `p_holm` is the
    two-sided p-value after Holm's correction over every line, and `mark` stands where it is below `FAMILY_ERROR`.
    """
    lines: list[dict[str, Any]] = []
    for row in results.rows("phase2"):
        if row.get("control"):
            lines += _compare(results, scores, row, _find_control(results, row))
    for line, p_holm in zip(lines, adjust([line["p"] for line in lines]), strict=True):
        mark = BETTER if line["difference"] > 0 else WORSE
        line |= {"p_holm": p_holm, "mark": mark if p_holm < FAMILY_ERROR else ""}
    return pd.DataFrame(lines, columns=list(CONTROL_COLUMNS))


def _find_control(results: Results, row: dict[str, Any]) -> dict[str, Any]:
    rows = {other["row"]: other for other in results.rows("phase2")}
    if row["control"] not in rows:
        raise ValueError(f"row {row['row']}: its control {row['control']!r} is not in the plan, only {', '.join(rows)}")
    return rows[row["control"]]


def _compare(
    results: Results, scores: dict[str, TaskScores], row: dict[str, Any], control: dict[str, Any]
) -> list[dict[str, Any]]:
    ours, theirs = (
        {run.seed: seed_scores(results, run, side["tasks"]) for run in results.runs_of("phase2", side["row"])}
        for side in (row, control)
    )
    tasks, their_tasks = (next(iter(side.values())) for side in (ours, theirs))
    shared = [task for task in tasks if task in their_tasks]
    if set(row["tasks"]) != set(control["tasks"]):
        shared = [task for task in shared if task != OVERALL]
    lines = []
    for task in shared:
        seeds = scores[task].shared_seeds(row["row"], control["row"])
        differences = [ours[seed][task] - theirs[seed][task] for seed in seeds]
        difference, sd = mean_and_sd(differences)
        low, high, p = scores[task].difference(row["row"], control["row"])
        values = (row["row"], control["row"], task, metric_name(results, task), difference, sd, len(differences))
        lines.append(dict(zip(CONTROL_COLUMNS, (*values, low, high, p), strict=False)))
    return lines
