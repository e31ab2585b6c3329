"""A comparison as a terminal's table, as markdown for a job summary or a pull request, and as JSON."""

from dataclasses import asdict
from typing import Any

from pipeline.gate.collapse import MARK
from pipeline.gate.comparison import Comparison
from pipeline.gate.verdicts import Verdict
from pipeline.reporting import text_tables

HEADER = ("phase", "row", "task", "baseline", "current", "difference", "95% interval", "could see", "verdict", "note")
WORDS = ("phase", "row", "task", "verdict", "note")
LEGEND = (
    "could see: the smallest drop that this comparison finds four times out of five. regressed: a drop beyond the "
    "margin that is statistically significant (Holm's correction, 5% for all comparisons together); "
    "equivalent: the interval lies within the margins; inconclusive: neither. "
    f"{MARK}: collapsed, nearly all examples get one prediction in at least one seed; where both sides are collapsed "
    "in all seeds, their difference is no number."
)


def render_terminal(comparison: Comparison) -> str:
    """Every comparison on a line, what is wrong at the end."""
    table = text_tables.render_terminal(HEADER, [*map(_cells, comparison.verdicts)], WORDS)
    return "\n".join([table, "", *_summary(comparison)])


def render_markdown(comparison: Comparison) -> str:
    """What matters first: the summary and what is not equivalent; the rest folded away."""
    shown = [verdict for verdict in comparison.verdicts if verdict.verdict != "equivalent"]
    folded = [verdict for verdict in comparison.verdicts if verdict.verdict == "equivalent"]
    title = "regressed" if comparison.is_regressed else "no regression"
    parts = [f"### Metrics: {title}", "", *(f"- {line}" for line in _summary(comparison)), ""]
    if shown:
        parts += [_markdown_table(shown), ""]
    if folded:
        heading = f"<details><summary>{len(folded)} equivalent</summary>"
        parts += [heading, "", _markdown_table(folded), "", "</details>", ""]
    return "\n".join([*parts, f"<sub>{LEGEND}</sub>"]) + "\n"


def to_json(comparison: Comparison) -> dict[str, Any]:
    """All of it, for a machine."""
    return {
        "baseline": comparison.baseline,
        "current": comparison.current,
        "regressed": comparison.is_regressed,
        "counts": comparison.counts,
        "num_changed": comparison.num_changed,
        "verdicts": [asdict(verdict) for verdict in comparison.verdicts],
        "extra": comparison.extra,
        "floors": [asdict(floor) | {"is_kept": floor.is_kept} for floor in comparison.floors],
        "collapses": [asdict(found) for found in comparison.collapses],
    }


def _cells(verdict: Verdict) -> tuple[str, ...]:
    return (
        verdict.phase,
        verdict.row,
        verdict.task,
        *_sides(verdict),
        "" if verdict.difference is None else f"{verdict.difference:+.4f}",
        "" if verdict.difference is None else f"{verdict.low:+.4f} to {verdict.high:+.4f}",
        "" if verdict.smallest_drop is None else f"{verdict.smallest_drop:.4f}",
        verdict.verdict,
        verdict.note,
    )


def _sides(verdict: Verdict) -> tuple[str, str]:
    sides = ((verdict.baseline, verdict.baseline_collapsed), (verdict.current, verdict.current_collapsed))
    return tuple(f"{score:.4f}{MARK if collapsed else ''}" for score, collapsed in sides)


def _markdown_table(verdicts: list[Verdict]) -> str:
    lines = [(*cells[:-2], f"**{cells[-2]}**", cells[-1]) for cells in map(_cells, verdicts)]
    return text_tables.render_markdown(HEADER, lines, WORDS)


def _summary(comparison: Comparison) -> list[str]:
    counts = ", ".join(f"{count} {name}" for name, count in comparison.counts.items())
    identical = sum(verdict.is_identical for verdict in comparison.verdicts)
    lines = [f"{len(comparison.verdicts)} comparisons: {counts}; {identical} of them have identical predictions."]
    if comparison.extra:
        lines.append(f"Without a counterpart in the baseline: {', '.join(comparison.extra)}.")
    for verdict in comparison.verdicts:
        if verdict.verdict == "regressed":
            lines.append(
                f"regressed: {verdict.row} {verdict.task} ({verdict.phase}): {' to '.join(_sides(verdict))}, "
                f"{verdict.difference:+.4f} ({verdict.low:+.4f} to {verdict.high:+.4f})."
            )
        if verdict.is_newly_collapsed:
            lines.append(
                f"newly collapsed: {verdict.row} {verdict.task} ({verdict.phase}): {' to '.join(_sides(verdict))}, in "
                f"{verdict.current_collapsed} of {verdict.current_seeds} seeds."
            )
    for floor in comparison.floors:
        if not floor.is_kept:
            mark = MARK if floor.is_collapsed else ""
            lines.append(
                f"below its floor: {floor.row} {floor.task}: {floor.score:.4f}{mark}, at least {floor.floor:g}."
            )
    for found in comparison.collapses:
        if not found.is_allowed:
            lines.append(
                f"collapsed{MARK}: {found.row} {found.task}: {found.extent} in {found.collapsed} of {found.seeds} "
                "seeds; the profile's may_collapse does not list it."
            )
    return lines
