"""Two rows of one profile as the report's table of controls compares them: the same sign, interval and mark.

The table knows more than two rows can tell: all rows say how much a seed moves a score, and all pairs what it is worth
that two rows share their seeds.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.gate.difference_side import Side
from pipeline.reporting.controls import control_table
from pipeline.reporting.intervals import measure_scores
from pipeline.reporting.results import Results, read_results

PHASE = "phase2"


@dataclass(frozen=True)
class PairedScore:
    """Row minus control on the seeds that both have; not a number where both collapsed in all of them."""

    difference: float
    low: float
    high: float
    mark: str  # of the table: better or worse, after Holm's correction over `PairedRows.num_differences`


@dataclass(frozen=True)
class PairedRows:
    """The differences of a row to its control, by task and for `overall`."""

    scores: dict[str, PairedScore]
    num_differences: int
    is_of_table: bool  # whether the table itself has this pair


def pair_sides(one: Side, other: Side, root: Path, profile: str) -> tuple[Side, Side, PairedRows | None]:
    """Both sides, the control first, and how the table compares them where they are two rows of table 2.

    Of rows that are not each other's control, `one` is taken for it. Where the table is not complete, `one` says so.
    """
    places = [*one.rows, *other.rows]
    if not (one.is_row and other.is_row) or [phase for phase, _ in places] != [PHASE, PHASE] or len(set(places)) < 2:
        return one, other, None
    try:
        results = read_results(root, profile)
    except ValueError as error:
        remark = f"no table of all rows, so the intervals are by these two rows alone: {error}"
        return replace(one, missing=[*one.missing, remark]), other, None
    names = [row for _, row in places]
    if _find_control(results, names[0]) == names[1]:
        one, other, names = other, one, names[::-1]
    return one, other, _pair(results, *names)


def _find_control(results: Results, row: str) -> str | None:
    return next(line.get("control") for line in results.rows(PHASE) if line["row"] == row)


def _pair(results: Results, control: str, row: str) -> PairedRows:
    scores, is_of_table = measure_scores(results, PHASE), _find_control(results, row) == control
    if not is_of_table:  # a table of this pair alone, by what all rows say
        controls = {row: control, control: None}
        pair = [line | {"control": controls[line["row"]]} for line in results.rows(PHASE) if line["row"] in controls]
        results = replace(results, index=results.index | {PHASE: pair})
    table = control_table(results, scores)
    lines = table[(table["row"] == row) & (table["control"] == control)]
    paired = {line.task: PairedScore(line.difference, line.low, line.high, line.mark) for line in lines.itertuples()}
    return PairedRows(paired, int(table["p"].count()), is_of_table)
