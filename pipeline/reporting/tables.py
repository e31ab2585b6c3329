"""The tables of the paper (tables 1 and 2) as data frames."""

from statistics import fmean, stdev

import pandas as pd

from pipeline.evaluation.metrics import METRICS, OVERALL
from pipeline.reporting.results import Result, Results

TABLE_COLUMNS = ("row", "task", "metric", "mean", "sd", "n", "paper")

OVERALL_METRIC = "mean"


def score_table(results: Results, phase: str) -> pd.DataFrame:
    """Table 1 (`part1`) or table 2 (`phase2`): one line per row and task, mean and sd over the seeds.

    `sd` is the sample standard deviation (ddof 1), empty for one seed. `paper` is empty where the paper has no value.
    """
    lines = []
    for row in results.rows(phase):
        per_seed = [seed_scores(results, run, row["tasks"]) for run in results.runs_of(phase, row["row"])]
        for task in per_seed[0] if per_seed else ():
            mean, sd = mean_and_sd([scores[task] for scores in per_seed])
            paper = row.get("paper", {}).get(task)
            lines.append((row["row"], task, metric_name(results, task), mean, sd, len(per_seed), paper))
    return pd.DataFrame(lines, columns=list(TABLE_COLUMNS))


def table_metrics(*tables: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The means of the tables as `{row: {"sst.accuracy": mean, ..., "overall": mean}}`."""
    metrics: dict[str, dict[str, float]] = {}
    for table in tables:
        clash = metrics.keys() & set(table["row"])
        if clash:
            raise ValueError(f"row {min(clash)} is in two tables: rows of part 1 and phase 2 need different names")
        for line in table.itertuples():
            key = OVERALL if line.task == OVERALL else f"{line.task}.{line.metric}"
            metrics.setdefault(line.row, {})[key] = line.mean
    return metrics


def trivial_scores(results: Results, phase: str) -> dict[str, float]:
    """What a constant prediction reaches per task: the commonest class; of scores 0, by convention.

    The evaluations must agree on it: where they do not, they were made on different dev sets (`ValueError`).
    """
    scores: dict[str, float] = {}
    for row in results.rows(phase):
        for task in row["tasks"]:
            for run in results.runs_of(phase, row["row"]):
                metric = results.metric(task)
                of_classes = METRICS[metric].LABELS == "classes"
                score = run.score(f"{task}.majority_{metric}") if of_classes else 0.0
                if scores.setdefault(task, score) != score:
                    name = f"evaluation of {phase}/{run.row}-{run.seed}"
                    raise ValueError(
                        f"{name}: the commonest class of {task} scores {score}, in earlier rows {scores[task]}: "
                        "all rows of a table must be evaluated on the same dev set"
                    )
    return _with_overall(scores)


def metric_name(results: Results, task: str) -> str:
    """The metric of a task, or of the overall score."""
    return OVERALL_METRIC if task == OVERALL else results.metric(task)


def seed_scores(results: Results, run: Result, tasks: list[str]) -> dict[str, float]:
    """One seed's scores by task, with `overall`, their mean, where there are several."""
    return _with_overall({task: run.score(f"{task}.{results.metric(task)}") for task in tasks})


def _with_overall(scores: dict[str, float]) -> dict[str, float]:
    return scores | {OVERALL: fmean(scores.values())} if len(scores) > 1 else scores


def mean_and_sd(values: list[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (ddof 1), None for one value."""
    return fmean(values), stdev(values) if len(values) > 1 else None
