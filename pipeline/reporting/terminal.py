"""The report's tables for a terminal of 100 columns, from the files that it wrote to results/<profile>."""

import csv
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.reporting.document import COLLAPSED_MARK, split_markup

WIDTH = 100  # characters
TABLES = ("table1", "table2", "controls")
Lines = list[list[str]]
Row = dict[str, str]  # of a csv file


def render_tables(folder: Path) -> str:
    """Table 1, table 2 and row minus control, with their footnotes once; a file that is missing is a `ValueError`.

    A table with too many tasks for the width comes in parts, one below the other.
    """
    table1, table2, controls, intervals = (_read_csv(folder / f"{name}.csv") for name in (*TABLES, "intervals"))
    measured: dict[str, dict[tuple[str, str], Row]] = {"part1": {}, "phase2": {}}
    for line in intervals:
        measured[line["phase"]][line["row"], line["task"]] = line
    notes: dict[str, None] = {}
    blocks = []
    parts = (
        _list_table1(table1, measured["part1"]),
        _list_table2(table2, measured["phase2"]),
        _list_controls(controls),
    )
    for name, lines in zip(TABLES, parts, strict=True):
        title, said = _read_words(folder / f"{name}.md")
        notes |= dict.fromkeys(note for note in said if name == "controls" or note.startswith(COLLAPSED_MARK))
        if len(lines) > 1:  # than the header
            blocks.append(f"{title}\n\n" + "\n\n".join(_fit(lines)))
    notes[f"±: half of the 95% interval; its bounds are in {folder}/intervals.csv and controls.csv."] = None
    wrapped = [textwrap.fill(note, WIDTH, initial_indent="- ", subsequent_indent="  ") for note in notes]
    return "\n\n".join([*blocks, "\n".join(wrapped)])


def read_tables(folder: Path, form: str) -> str:
    """The files table1, table2 and controls with the suffix `form` as they are; a missing one is a `ValueError`."""
    texts = []
    for name in TABLES:
        with _open(folder / f"{name}.{form}") as file:
            texts.append(file.read())
    return "\n".join(texts)


def _read_csv(path: Path) -> list[Row]:
    with _open(path) as file:
        return list(csv.DictReader(file))


def _read_words(path: Path) -> tuple[str, list[str]]:
    """The title with the setting, wrapped, and the footnotes of a document, without markup."""
    with _open(path) as file:
        title, *lines = re.sub(r"\n {2,}", " ", file.read()).splitlines()  # footnotes are wrapped
    notes = ["".join(text for _, text in split_markup(line[2:])) for line in lines if line.startswith("- ")]
    return textwrap.fill(re.sub(r"\*\*|`", "", title), WIDTH), notes


def _open(path: Path):
    try:
        return path.open(encoding="utf-8", newline="")
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; `make run` makes the tables") from None


def _list_table1(table: list[Row], measured: dict[tuple[str, str], Row]) -> Lines:
    """A line per row, its paper's value beside it."""
    header = ["row", " mean", "paper", "sd over seeds", "seeds"]
    return [header, *([line["row"], _score(measured[line["row"], line["task"]]), _number(line["paper"], " "),
                       _number(line["sd"], " "), line["n"]] for line in table)]  # fmt: skip


def _list_table2(table: list[Row], measured: dict[tuple[str, str], Row]) -> Lines:
    """A line per row, a column per task; a second line where the paper has values."""
    tasks = list(dict.fromkeys(line["task"] for line in table))
    lines = [["row", *(f" {task}" for task in tasks), "seeds"]]
    for row, by_task in _group(table, "row"):
        cells = [_score(measured[row, task]) if task in by_task else "" for task in tasks]
        lines.append([row, *cells, by_task[next(iter(by_task))]["n"]])
        papers = [_number(by_task[task]["paper"], " ") if task in by_task else "" for task in tasks]
        if any(papers):
            lines.append(["  paper", *papers, ""])
    return lines


def _list_controls(table: list[Row]) -> Lines:
    """The rows below their control."""
    tasks = list(dict.fromkeys(line["task"] for line in table))
    lines, controls = [["row", *tasks, "seeds"]], dict.fromkeys(line["control"] for line in table)
    for control in controls:
        lines.append([f"minus {control}", *[""] * len(tasks), ""])
        for row, by_task in _group([line for line in table if line["control"] == control], "row"):
            cells = [_difference(by_task[task]) if task in by_task else "" for task in tasks]
            lines.append([f"  {row}", *cells, by_task[next(iter(by_task))]["n"]])
    return lines


def _group(table: list[Row], key: str) -> Iterator[tuple[str, dict[str, Row]]]:
    """The lines of each value of `key` by their task."""
    for value in dict.fromkeys(line[key] for line in table):
        yield value, {line["task"]: line for line in table if line[key] == value}


def _score(line: Row) -> str:
    """` .262 ±.027†`"""
    return f"{_number(line['mean'], ' ')} {_half(line)}{COLLAPSED_MARK if line['collapsed'] != '0' else ''}"


def _difference(line: Row) -> str:
    """`+.132 ±.024▲†`; a dagger where either side is collapsed."""
    mark = COLLAPSED_MARK if (line["collapsed"], line["control_collapsed"]) != ("0", "0") else ""
    if not line["difference"]:
        return f"both {mark}"
    return f"{_number(line['difference'], '+')} {_half(line)}{line['mark']}{mark}"


def _half(line: Row) -> str:
    return f"±{_number(str((float(line['high']) - float(line['low'])) / 2), '')}"


def _number(text: str, sign: str) -> str:
    """Three decimals without the zero before the point; nothing stays nothing."""
    return re.sub(r"^([ +-]?)0\.", r"\1.", f"{float(text):{sign}.3f}") if text else ""


def _fit(lines: Lines) -> Iterator[str]:
    """The table as padded columns; in parts, each with the first and the last column, where it is too wide."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown: list[int] = []
    for place in range(1, len(widths) - 1):
        if shown and sum(widths[one] + 2 for one in (0, *shown, place)) + widths[-1] > WIDTH:
            yield _pad(lines, widths, (0, *shown, len(widths) - 1))
            shown = []
        shown.append(place)
    yield _pad(lines, widths, (0, *shown, len(widths) - 1))


def _pad(lines: Lines, widths: Sequence[int], places: Sequence[int]) -> str:
    return "\n".join("  ".join(line[place].ljust(widths[place]) for place in places).rstrip() for line in lines)
