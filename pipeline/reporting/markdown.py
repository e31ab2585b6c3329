"""The tables as markdown, one line per row of the ablation, with what a reader must know as footnotes."""

import pandas as pd

from pipeline.reporting.results import Results
from pipeline.reporting.tables import OVERALL, constant_seeds, metric_name, trivial_scores

METRIC_TITLES = {"accuracy": "accuracy", "pearson": "Pearson", "mean": ""}
TRIVIAL_ROW = "*a constant prediction*"
CONSTANT_MARK = "†"


def render_table1(results: Results, table: pd.DataFrame) -> str:
    """Table 1 in the paper's layout: a line per task and mode, the paper's value beside ours."""
    trivial, constant = trivial_scores(results, "part1"), constant_seeds(results, "part1")
    header = ["row", "metric", "mean ± sd", "paper", "constant prediction", "seeds"]
    lines = [
        [
            f"`{line.row}`",
            f"{line.task} {_metric_title(line.metric)}".strip(),
            _spread(line.mean, line.sd) + CONSTANT_MARK * ((line.row, line.task) in constant),
            "" if pd.isna(line.paper) else f"{line.paper:.3f}",
            f"{trivial[line.task]:.3f}" if line.task in trivial else "",
            str(line.n),
        ]
        for line in table.itertuples()
    ]
    title = "Table 1, part 1: one task at a time, the encoder frozen (pretrain) or fine-tuned (finetune)"
    return _document(results, title, header, lines, _footnotes(constant, len(results.index["seeds"])))


def render_table2(results: Results, table: pd.DataFrame) -> str:
    """Table 2, turned: a line per row of the ablation, a column per task, the paper's value in brackets."""
    trivial, constant = trivial_scores(results, "phase2"), constant_seeds(results, "phase2")
    tasks = _tasks_in(table)
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
                cell = _spread(line.mean, line.sd) + CONSTANT_MARK * ((row["row"], task) in constant)
                cell += "" if pd.isna(line.paper) else f" [{line.paper:.3f}]"
            scores.append(cell)
        control = f"`{row['control']}`" if row.get("control") else ""
        seeds = str(max((line.n for line in cells.values()), default=0))
        lines.append([f"`{row['row']}`", *scores, seeds, control, row.get("note") or ""])
    notes = ["In brackets: the paper's value."] if table["paper"].notna().any() else []
    notes += _footnotes(constant, len(results.index["seeds"]))
    return _document(results, "Table 2, part 2: all tasks in one encoder", header, lines, notes)


def render_controls(results: Results, table: pd.DataFrame) -> str:
    """Every row against its control: the difference per task, seed by seed."""
    tasks = _tasks_in(table)
    header = ["row", "control", *(_task_title(results, task) for task in tasks), "seeds"]
    lines = []
    for (row, control), group in table.groupby(["row", "control"], sort=False):
        cells = {line.task: _spread(line.difference, line.sd, sign="+") for line in group.itertuples()}
        lines.append([f"`{row}`", f"`{control}`", *(cells.get(task, "") for task in tasks), str(group["n"].max())])
    notes = [*_footnotes({}, len(results.index["seeds"])), "No interval and no test yet: a difference may be noise."]
    return _document(results, "Row minus control: differences seed by seed", header, lines, notes)


def _document(results: Results, title: str, header: list[str], lines: list[list[str]], notes: list[str]) -> str:
    index = results.index
    seeds = ", ".join(str(seed) for seed in index["seeds"])
    caption = f"**{title}.** Dev sets, profile `{index['profile']}`, encoder `{index['encoder']}`, seeds {seeds}."
    # Columns of numbers read best aligned right, columns of words left.
    rule = ["---" if name in ("row", "metric", "control", "note") else "---:" for name in header]
    table = [_table_line(cells) for cells in (header, rule, *lines)]
    return "\n".join([caption, "", *table, "", *(f"- {note}" for note in [*notes, *index.get("caveats", [])])]) + "\n"


def _footnotes(constant: dict[tuple[str, str], int], num_seeds: int) -> list[str]:
    notes = ["1 seed: no spread." if num_seeds == 1 else f"± is the sample standard deviation over {num_seeds} seeds."]
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
    return METRIC_TITLES.get(metric, metric)


def _spread(mean: float, sd: float | None, sign: str = "") -> str:
    return f"{mean:{sign}.3f}" + ("" if pd.isna(sd) else f" ± {sd:.3f}")


def _table_line(cells: list[str]) -> str:
    # A bar or a line break within a cell would end it.
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
