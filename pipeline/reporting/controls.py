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
    "collapsed", "control_collapsed",
)  # fmt: skip
FAMILY_ERROR = 0.05
NOT_TESTED = "Nothing is tested: 1 seed cannot say what another would give."
BETTER, WORSE = "▲", "▼"


def control_table(results: Results, scores: dict[str, TaskScores]) -> pd.DataFrame:
    """The difference of every row to its control, for the tasks that both have.

    The overall score is among them where both rows evaluate the same tasks: else it is the mean of other things.
    `difference` is the mean of (row - control) over the `n` seeds that both have, `sd` the sample standard deviation of
    the differences seed by seed; `low` and `high` bound its 95% interval (`TaskScores.difference`). `p_holm` is the
    two-sided p-value after Holm's correction over every difference, and `mark` stands where it is below `FAMILY_ERROR`.
    Where an interval does not cover seeds, nothing is tested: `p` and `p_holm` are empty.

    `collapsed` and `control_collapsed` count the seeds of either side whose predictions hardly depend on the example.
    Where both sides collapsed in all the seeds that they share there is no difference: its cells are empty, and it is
    in no family.
    """
    lines: list[dict[str, Any]] = []
    for row in results.rows("phase2"):
        if row.get("control"):
            lines += _compare(results, scores, row, _find_control(results, row))
    measured = [line for line in lines if line["p"] is not None]
    for line, p_holm in zip(measured, adjust([line["p"] for line in measured]), strict=True):
        mark = BETTER if line["difference"] > 0 else WORSE
        line |= {"p_holm": p_holm, "mark": mark if p_holm < FAMILY_ERROR else ""}
    table = pd.DataFrame(lines, columns=list(CONTROL_COLUMNS))
    return table.astype(dict.fromkeys(("difference", "sd", "low", "high", "p", "p_holm"), float))


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
    tasks = [task for task in row["tasks"] if task in control["tasks"]]
    if set(row["tasks"]) == set(control["tasks"]) and len(tasks) > 1:
        tasks.append(OVERALL)
    lines = []
    for task in tasks:
        measured, names = scores[task], (row["row"], control["row"])
        seeds = measured.shared_seeds(*names)
        counts = [int(measured.rows[name].collapsed_S.sum()) for name in names]
        values = (*names, task, metric_name(results, task), len(seeds), None, "", *counts)
        keys = ("row", "control", "task", "metric", "n", "p", "mark", "collapsed", "control_collapsed")
        line: dict[str, Any] = dict(zip(keys, values, strict=True))
        if not measured.both_collapsed(*names):
            line["difference"], line["sd"] = mean_and_sd([ours[seed][task] - theirs[seed][task] for seed in seeds])
            line["low"], line["high"], p = measured.difference(*names)
            line["p"] = p if measured.covers_seeds(*names) else None
        lines.append(line)
    return lines
