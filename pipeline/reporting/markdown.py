"""The tables as markdown, one line per row of the ablation, with what a reader must know as footnotes."""

import pandas as pd

from pipeline.evaluation.metrics import METRICS, OVERALL
from pipeline.reporting.controls import BETTER, FAMILY_ERROR, WORSE
from pipeline.reporting.results import Results
from pipeline.reporting.tables import OVERALL_METRIC, constant_seeds, metric_name, trivial_scores
from pipeline.reporting.text_tables import render_markdown

TRIVIAL_ROW = "*a constant prediction*"
CONSTANT_MARK = "†"


def render_table1(results: Results, table: pd.DataFrame, intervals: pd.DataFrame) -> str:
    """Table 1 in the paper's layout: a line per task and mode, the paper's value beside ours."""
    bounds = _bounds(intervals, "part1")
    trivial, constant = trivial_scores(results, "part1"), constant_seeds(results, "part1")
    header = ["row", "metric", "mean (95% interval)", "sd", "paper", "constant prediction", "seeds"]
    lines = [
        [
            f"`{line.row}`",
            f"{line.task} {_metric_title(line.metric)}".strip(),
            _with_interval(line.mean, *bounds[line.row, line.task])
            + CONSTANT_MARK * ((line.row, line.task) in constant),
            "" if pd.isna(line.sd) else f"{line.sd:.3f}",
            "" if pd.isna(line.paper) else f"{line.paper:.3f}",
            f"{trivial[line.task]:.3f}" if line.task in trivial else "",
            str(line.n),
        ]
        for line in table.itertuples()
    ]
    title = "Table 1, part 1: one task at a time, the encoder frozen (pretrain) or fine-tuned (finetune)"
    return _document(results, title, header, lines, _footnotes(constant, len(results.index["seeds"])))


def render_table2(results: Results, table: pd.DataFrame, intervals: pd.DataFrame) -> str:
    """Table 2, turned: a line per row of the ablation, a column per task, the paper's value in brackets."""
    trivial, constant = trivial_scores(results, "phase2"), constant_seeds(results, "phase2")
    tasks, bounds = _tasks_in(table), _bounds(intervals, "phase2")
    header = ["row", *(_task_title(results, task) for task in tasks), "seeds", "control", "note"]
    lines = []
    if len(table):
        scores = [f"{trivial[task]:.3f}" if task in trivial else "" for task in tasks]
        lines.append([TRIVIAL_ROW, *scores, "", "", "the commonest class, or one score for all (correlation 0)"])
    for row in results.rows("phase2"):
        cells = {line.task: line for line in table[table["row"] == row["row"]].itertuples()}
        scores = []
        for task in tasks:
            cell = ""
            if task in cells:
                line = cells[task]
                cell = _with_interval(line.mean, *bounds[row["row"], task])
                cell += CONSTANT_MARK * ((row["row"], task) in constant)
                cell += "" if pd.isna(line.paper) else f" [{line.paper:.3f}]"
            scores.append(cell)
        control = f"`{row['control']}`" if row.get("control") else ""
        seeds = str(max((line.n for line in cells.values()), default=0))
        encoder = f"Encoder `{row['encoder']}`." if "encoder" in row else ""  # where it is not the profile's
        note = " ".join(text for text in (row.get("note"), encoder) if text)
        lines.append([f"`{row['row']}`", *scores, seeds, control, note])
    notes = ["In brackets: the paper's value."] if table["paper"].notna().any() else []
    notes += _footnotes(constant, len(results.index["seeds"]))
    return _document(results, "Table 2, part 2: all tasks in one encoder", header, lines, notes)


def render_controls(results: Results, table: pd.DataFrame) -> str:
    """Every row against its control: the difference per task, marked where it is more than noise."""
    tasks = _tasks_in(table)
    header = ["row", "control", *(_task_title(results, task) for task in tasks), "seeds"]
    lines = []
    for (row, control), group in table.groupby(["row", "control"], sort=False):
        cells = {
            line.task: f"{_with_interval(line.difference, line.low, line.high, sign='+')} {line.mark}".strip()
            for line in group.itertuples()
        }
        lines.append([f"`{row}`", f"`{control}`", *(cells.get(task, "") for task in tasks), str(group["n"].max())])
    notes = [
        f"{BETTER} better, {WORSE} worse: not zero after Holm's correction over the {len(table)} differences of this "
        f"table ({FAMILY_ERROR:.0%} for all of them together). Without a mark, it may be noise.",
        *_footnotes({}, len(results.index["seeds"])),
    ]
    if len(results.index["seeds"]) == 1:
        notes[0] += " 1 seed: a mark says that these two models differ, not that the two rows do."
    return _document(results, "Row minus control: examples paired, seeds unpaired", header, lines, notes)


def _document(results: Results, title: str, header: list[str], lines: list[list[str]], notes: list[str]) -> str:
    index = results.index
    seeds = ", ".join(str(seed) for seed in index["seeds"])
    caption = f"**{title}.** Dev sets, profile `{index['profile']}`, encoder `{index['encoder']}`, seeds {seeds}."
    table = render_markdown(header, lines, words=("row", "metric", "control", "note"))
    return "\n".join([caption, "", table, "", *(f"- {note}" for note in [*notes, *index.get("caveats", [])])]) + "\n"


def _footnotes(constant: dict[tuple[str, str], int], num_seeds: int) -> list[str]:
    notes = [
        "In parentheses: the 95% interval, over the examples only: 1 seed cannot say what another would give."
        if num_seeds == 1
        else f"In parentheses: the 95% interval, over examples and {num_seeds} seeds (pipeline/statistics/README.md)."
    ]
    where = ", ".join(f"`{row}` {task} ({count} of {num_seeds} seeds)" for (row, task), count in constant.items())
    if where:
        notes.append(f"{CONSTANT_MARK} one constant was predicted, its correlation counts as 0: {where}.")
    return notes


def _tasks_in(table: pd.DataFrame) -> list[str]:
    """The table's tasks in order of appearance, the overall score last."""
    tasks = [task for task in dict.fromkeys(table["task"]) if task != OVERALL]
    return tasks + [OVERALL] * (OVERALL in set(table["task"]))


def _task_title(results: Results, task: str) -> str:
    return f"{task} {_metric_title(metric_name(results, task))}".strip()


def _metric_title(metric: str) -> str:
    return "" if metric == OVERALL_METRIC else METRICS[metric].LABEL


def _bounds(intervals: pd.DataFrame, phase: str) -> dict[tuple[str, str], tuple[float, float]]:
    lines = intervals[intervals["phase"] == phase].itertuples()
    return {(line.row, line.task): (line.low, line.high) for line in lines}


def _with_interval(value: float, low: float, high: float, sign: str = "") -> str:
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
