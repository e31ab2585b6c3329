"""The tables of the report as documents: a line per row of the ablation, and what a reader must know as footnotes."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from pipeline.evaluation.metrics import COLLAPSED_SHARE, COLLAPSED_SPREAD, METRICS, OVERALL
from pipeline.reporting.controls import BETTER, FAMILY_ERROR, NOT_TESTED, WORSE
from pipeline.reporting.costs import name_machines
from pipeline.reporting.document import COLLAPSED_MARK, Cell, Document, Score, Table
from pipeline.reporting.results import Results
from pipeline.reporting.tables import OVERALL_METRIC, metric_name, trivial_scores

UNTRAINED = "untrained"
TRIVIAL_ROW = "*a constant prediction*"
BOTH_COLLAPSED = f"both collapsed {COLLAPSED_MARK}"
SAME_PREDICTIONS = "the same predictions"
COLLAPSED_NOTE = (
    f"{COLLAPSED_MARK} collapsed: the predictions hardly depend on the example (one class for {COLLAPSED_SHARE:.0%} or "
    f"more of them; scores that spread less than {COLLAPSED_SPREAD:.0%} of the labels' spread), in all seeds of the "
    "row where the cell does not say in how many."
)


def compose_table1(results: Results, table: pd.DataFrame, intervals: pd.DataFrame, costs: pd.DataFrame) -> Document:
    """Table 1 in the paper's layout: a line per task and mode, the paper's value beside ours."""
    cells, trivial = _cells(table, intervals, "part1"), trivial_scores(results, "part1")
    header = ["row", "metric", "mean (95% interval)", "sd", "paper", "constant prediction", "seeds"]
    lines = [
        [
            f"`{line.row}`",
            f"{line.task} {_metric_title(line.metric)}".strip(),
            cells[line.row, line.task],
            "" if pd.isna(line.sd) else f"{line.sd:.3f}",
            "" if pd.isna(line.paper) else f"{line.paper:.3f}",
            f"{trivial[line.task]:.3f}" if line.task in trivial else "",
            str(line.n),
        ]
        for line in table.itertuples()
    ]
    title = "Table 1, part 1: one task at a time, the encoder frozen (pretrain) or fine-tuned (finetune)"
    notes = _score_notes(table["n"], cells.values(), table["n"].max() > 1)
    main = Table(title, header, lines, words=("row", "metric"), notes=notes)
    return _document(results, [main, *_compose_costs(results, costs, "part1")])


def compose_table2(results: Results, table: pd.DataFrame, intervals: pd.DataFrame, costs: pd.DataFrame) -> Document:
    """Table 2, turned: a line per row of the ablation, a column per task, the paper's value in brackets."""
    cells, trivial = _cells(table, intervals, "phase2", with_paper=True), trivial_scores(results, "phase2")
    tasks = order_tasks(table)
    header = ["row", *(task_title(results, task) for task in tasks), "seeds", "control", "note"]
    lines: list[list[Cell]] = []
    if len(table):
        scores = [f"{trivial[task]:.3f}" if task in trivial else "" for task in tasks]
        lines.append([TRIVIAL_ROW, *scores, "", "", "the commonest class, or one score for all (correlation 0)"])
    for row in results.rows("phase2"):
        control = f"`{row['control']}`" if row.get("control") else ""
        encoder = f"Encoder `{row['encoder']}`." if "encoder" in row else ""  # where it is not the profile's
        note = " ".join(text for text in (row.get("note"), encoder) if text)
        scores = [cells.get((row["row"], task), "") for task in tasks]
        lines.append([f"`{row['row']}`", *scores, str(len(results.runs_of("phase2", row["row"]))), control, note])
    notes = ["In brackets: the paper's value."] if table["paper"].notna().any() else []
    notes += _score_notes(table["n"], cells.values(), table["n"].max() > 1)
    title, words = "Table 2, part 2: all tasks in one encoder", ("row", "control", "note")
    main = Table(title, header, lines, words, notes, asides=("note",), stacked="control")
    return _document(results, [main, *_compose_costs(results, costs, "phase2")])


def compose_paper(results: Results, table: pd.DataFrame, intervals: pd.DataFrame) -> Document:
    """Table 2 in short: the mean of each row that the paper has beside the paper's value, and of `untrained`."""
    cells, tasks = _cells(table, intervals, "phase2", with_paper=True), order_tasks(table)
    header = ["row", *(task_title(results, task) for task in tasks), "seeds"]
    lines = [
        [
            f"`{row['row']}`",
            *(_short(cells.get((row["row"], task))) for task in tasks),
            str(len(results.runs_of("phase2", row["row"]))),
        ]
        for row in results.rows("phase2")
        if row.get("paper") or row["row"] == UNTRAINED
    ]
    notes = ["In brackets: the paper's value, with bert-base and all of the data."]
    if any(cell.is_collapsed for cell in cells.values()):
        notes.append(COLLAPSED_NOTE)
    return _document(results, [Table("The paper's rows", header, lines, ("row",), notes)])


def _short(score: Score | None) -> str:
    if score is None:
        return ""
    mark = f" {COLLAPSED_MARK}" if score.is_collapsed else ""
    return f"{score.number}{mark}" + ("" if score.paper is None else f" [{score.paper:.3f}]")


def compose_controls(results: Results, table: pd.DataFrame) -> Document:
    """Every row against its control: the difference per task, marked where it is more than noise."""
    tasks = order_tasks(table)
    header = ["row", "control", *(task_title(results, task) for task in tasks), "seeds"]
    lines, cells = [], {(line.row, line.task): _difference(line) for line in table.itertuples()}
    for (row, control), group in table.groupby(["row", "control"], sort=False):
        differences = [cells.get((row, task), "") for task in tasks]
        lines.append([f"`{row}`", f"`{control}`", *differences, str(group["n"].max())])
    marks = (
        f"{BETTER} better, {WORSE} worse: statistically significant after Holm's correction over the "
        f"{table['p'].count()} differences tested in this table ({FAMILY_ERROR:.0%} for all of them together). "
        "Without a mark, it may be noise."
    )
    is_tested = table["p"].notna().any()
    notes = [marks if is_tested else NOT_TESTED, *_score_notes(table["n"], cells.values(), is_tested)]
    title, words = "Row minus control, on the same examples", ("row", "control")
    return _document(results, [Table(title, header, lines, words, notes, stacked="control")])


def _document(results: Results, tables: list[Table]) -> Document:
    index = results.index
    seeds = ", ".join(str(seed) for seed in index["seeds"])
    setting = f"Dev sets, profile `{index['profile']}`, encoder `{index['encoder']}`, seeds {seeds}."
    if any(row.get("seeds", index["seeds"]) != index["seeds"] for phase in ("part1", "phase2") for row in index[phase]):
        setting += " Rows with fewer have the first of them."
    return Document(setting, tables, index.get("caveats", []))


def _cells(
    table: pd.DataFrame, intervals: pd.DataFrame, phase: str, with_paper: bool = False
) -> dict[tuple[str, str], Score]:
    measured = {(line.row, line.task): line for line in intervals[intervals["phase"] == phase].itertuples()}
    cells = {}
    for line in table.itertuples():
        place = line.row, line.task
        count, num_seeds = measured[place].collapsed, measured[place].n
        words = "collapsed" if count == num_seeds else f"collapsed in {count} of {num_seeds} seeds"
        cells[place] = Score(
            line.mean,
            measured[place].low,
            measured[place].high,
            is_collapsed=count > 0,
            collapsed=words if count and line.task != OVERALL else "",
            paper=line.paper if with_paper and not pd.isna(line.paper) else None,
        )
    return cells


def _difference(line: Any) -> Cell:
    if pd.isna(line.difference):
        return BOTH_COLLAPSED
    if has_same_predictions(line):
        return SAME_PREDICTIONS
    sides = [side for side, count in (("row", line.collapsed), ("control", line.control_collapsed)) if count]
    words = f"{' and '.join(sides)} collapsed" if sides and line.task != OVERALL else ""
    return Score(line.difference, line.low, line.high, "+", line.mark, bool(sides), words)


def has_same_predictions(line: Any) -> bool:
    """Whether a difference is nothing at all, without an interval: not precise, but of equal predictions."""
    return line.difference == line.low == line.high == 0


def _score_notes(counts: Iterable[int], cells: Iterable[Cell], covers_seeds: bool) -> list[str]:
    """What the intervals cover, for rows with these numbers of seeds, and what the mark says where there is one."""
    counts, cells = sorted(set(counts)), list(cells)
    if not counts:
        return []
    if not covers_seeds:
        notes = ["Intervals are of 95%, over the examples only, for these very models."]
    else:
        seeds = f"{counts[0]} seeds" if len(counts) == 1 and counts != [1] else "seeds"
        notes = [f"Intervals are of 95%, over examples and {seeds} (pipeline/statistics/README.md)."]
        if 1 in counts:
            notes[0] += " A row with 1 seed is given the seed noise of the table's other trained rows."
    is_marked = any(cell == BOTH_COLLAPSED if isinstance(cell, str) else cell.is_collapsed for cell in cells)
    note = COLLAPSED_NOTE
    if any(isinstance(cell, Score) and cell.is_collapsed and not cell.collapsed for cell in cells):
        note += f" An {OVERALL} score is marked where a task in it is."
    return notes + [note] * is_marked


def _compose_costs(results: Results, costs: pd.DataFrame, phase: str) -> list[Table]:
    """A table of what the rows of a phase kept and cost; none where nothing is known."""
    costs = costs[costs["phase"] == phase]
    columns = {
        "row": [f"`{row}`" for row in costs["row"]],
        "epoch kept": [_kept(line) for line in costs.itertuples()],
        "starts from": [f"`{start}`" if start not in ("", "encoder") else start for start in costs["start"]],
        "steps": [_number(value, ",.0f") for value in costs["steps"]],
        "million tokens": [_number(value / 1e6, ",.2f") for value in costs["tokens"]],
        "minutes": [_number(value, ",.1f") for value in costs["minutes"]],
    }
    shown = {name: cells for name, cells in columns.items() if name == "row" or any(cells)}
    notes = []
    if "epoch kept" in shown:
        notes.append("Epoch kept: the rule by which it is chosen, and the epoch of the last leg, seed by seed.")
    if shown.keys() & {"steps", "million tokens", "minutes"}:
        note = (
            "Steps of the optimizer, tokens through the encoder and minutes, in training: the row's own and those of "
        )
        notes.append(f"{note}the recipe that it starts from, mean over its seeds.")
        if any("average" in row for row in results.rows(phase)):
            notes[-1] += " An average's are those of its rows, each training once."
    if "minutes" in shown:
        machines = "; ".join(name_machines(run for run in results.runs if run.last_point("cost/seconds") is not None))
        notes[-1] += f" Minutes on: {machines}."
    lines = list(zip(*shown.values(), strict=True))
    title, words = "The epochs that its rows kept, and what they cost", ("row", "epoch kept", "starts from")
    return [Table(title, list(shown), lines, words, notes)] if len(shown) > 1 else []


def _kept(line: Any) -> str:
    """`best: 4, 5, 3 of 5`; the last epoch needs no number."""
    epochs = line.kept_epochs.replace(" ", ", ") if line.keep != "last" else ""
    if epochs and not pd.isna(line.epochs):
        epochs += f" of {line.epochs}"
    return ": ".join(part for part in (line.keep, epochs) if part)


def _number(value: float, form: str) -> str:
    return "" if pd.isna(value) else f"{value:{form}}"


def order_tasks(table: pd.DataFrame) -> list[str]:
    """The table's tasks in order of appearance, the overall score last."""
    tasks = [task for task in dict.fromkeys(table["task"]) if task != OVERALL]
    return tasks + [OVERALL] * (OVERALL in set(table["task"]))


def task_title(results: Results, task: str) -> str:
    """A task and its metric, for people."""
    return f"{task} {_metric_title(metric_name(results, task))}".strip()


def _metric_title(metric: str) -> str:
    return "" if metric == OVERALL_METRIC else METRICS[metric].LABEL
