"""A comparison as a terminal's table, as markdown for a job summary or a pull request, and as JSON."""

from dataclasses import asdict
from typing import Any

from pipeline.gate.comparison import Comparison
from pipeline.gate.verdicts import Verdict
from pipeline.reporting import text_tables

HEADER = ("phase", "row", "task", "baseline", "current", "difference", "95% interval", "could see", "verdict", "note")
WORDS = ("phase", "row", "task", "verdict", "note")
LEGEND = (
    "could see: the smallest drop that this comparison finds four times out of five. regressed: a drop beyond the "
    "margin that is no accident of seeds and examples in any of the comparisons (Holm, 5% for all of them together); "
    "equivalent: the interval lies within the margins; inconclusive: neither."
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
    }


def _cells(verdict: Verdict) -> tuple[str, ...]:
    return (
        verdict.phase,
        verdict.row,
        verdict.task,
        f"{verdict.baseline:.4f}",
        f"{verdict.current:.4f}",
        f"{verdict.difference:+.4f}",
        f"{verdict.low:+.4f} to {verdict.high:+.4f}",
        "" if verdict.smallest_drop is None else f"{verdict.smallest_drop:.4f}",
        verdict.verdict,
        verdict.note,
    )


def _markdown_table(verdicts: list[Verdict]) -> str:
    lines = [(*cells[:-2], f"**{cells[-2]}**", cells[-1]) for cells in map(_cells, verdicts)]
    return text_tables.render_markdown(HEADER, lines, WORDS)


def _summary(comparison: Comparison) -> list[str]:
    counts = ", ".join(f"{count} {name}" for name, count in comparison.counts.items())
    identical = len(comparison.verdicts) - comparison.num_changed
    lines = [f"{len(comparison.verdicts)} comparisons: {counts}; {identical} of them have identical predictions."]
    if comparison.extra:
        lines.append(f"Without a counterpart in the baseline: {', '.join(comparison.extra)}.")
    for verdict in comparison.verdicts:
        if verdict.verdict == "regressed":
            lines.append(
                f"regressed: {verdict.row} {verdict.task} ({verdict.phase}): {verdict.baseline:.4f} to "
                f"{verdict.current:.4f}, {verdict.difference:+.4f} ({verdict.low:+.4f} to {verdict.high:+.4f})."
            )
    for floor in comparison.floors:
        if not floor.is_kept:
            lines.append(f"below its floor: {floor.row} {floor.task}: {floor.score:.4f}, at least {floor.floor:g}.")
    return lines
