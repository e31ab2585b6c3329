"""A difference as text: tables for the terminal, and the same as markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.gate.collapse import MARK
from pipeline.gate.difference import Difference, Flip, Score
from pipeline.gate.difference_side import Side
from pipeline.gate.difference_table import PairedRows
from pipeline.gate.revision import list_changed_files
from pipeline.gate.verdicts import BOTH_COLLAPSED
from pipeline.reporting import text_tables
from pipeline.reporting.controls import BETTER, WORSE
from pipeline.runs import layout
from pipeline.tracking.texts import Texts

LEGEND = (
    "Difference: the second minus the first, with its 95% interval over seeds and examples; {marks}. "
    f"{MARK}: collapsed, nearly all examples get one prediction in at least one seed (of overall: in one of its tasks)."
)
NUM_FLIPS = 10  # of each row and task, in each direction
NUM_NAMES = 3  # of rows with the same change
MAX_TEXT = 100  # characters of an example
MAX_VALUE = 44


@dataclass(frozen=True)
class Table:
    """A heading, a sentence below it, and lines of cells."""

    title: str
    note: str
    header: Sequence[str]
    lines: list[Sequence[str]]


def make_tables(one: Side, other: Side, found: Difference, root: Path, profile: str) -> list[Table]:
    """The tables of a comparison; those without lines are left out. Files of code and text of examples are `root`'s."""
    names, texts = (one.name, other.name), Texts(root / layout.corpus(profile))
    changes = _merge_rows((c.row, c.kind, c.key, _shorten(c.one), _shorten(c.other)) for c in found.changes)
    files = [(name,) for name in list_changed_files(one.commit, other.commit, root)]
    several = len(one.rows) > 1 or len(other.rows) > 1
    only = [f"Only in {name}: {', '.join(rows)}." for name, rows in zip(names, found.only, strict=True) if rows]
    scores = [score for score in found.scores if score.difference or not several]
    same = f" {len(found.scores) - len(scores)} scores are the same." if len(scores) < len(found.scores) else ""
    tables = [
        Table("What differs", " ".join(only), ("row", "of", "key", *names), changes),
        Table("Files of the code that differ", "", ("file",), files),
        Table(
            "Scores",
            LEGEND.format(marks=_explain_marks(found.paired)) + same,
            ("row", "score", *names, "difference", "95% interval", "", "seeds"),
            [_score_cells(score) for score in scores],
        ),
        *(_make_flip_table(row, task, flips, names, texts) for (row, task), flips in _group(found.flips).items()),
        Table("What could not be compared", "", ("what",), [(remark,) for remark in found.remarks]),
    ]
    if not several:
        tables = [_drop_row(table) for table in tables]
    return [table for table in tables if table.lines or table.note] or [Table("Nothing differs", "", (), [])]


def _explain_marks(paired: PairedRows | None) -> str:
    if paired is None:
        return "* excludes zero"
    family = "the table of controls" if paired.is_of_table else "these two rows"
    return (f"{BETTER} better, {WORSE} worse: statistically significant after Holm's correction over the "
            f"{paired.num_differences} differences of {family}")  # fmt: skip


def _make_flip_table(row: str, task: str, flips: list[Flip], names: tuple[str, str], texts: Texts) -> Table:
    fixed, broken = ([flip for flip in flips if flip.is_fixed is side] for side in (True, False))
    shown = [*fixed[:NUM_FLIPS], *broken[:NUM_FLIPS]]
    text = texts.find(flip.id for flip in shown)
    note = f"{len(fixed)} right only in {names[1]}, {len(broken)} right only in {names[0]}"
    note += f"; the {len(shown)} that moved furthest." if len(shown) < len(flips) else "."
    header = ("id", "label", *names, "right in", *(["text"] if text else []))
    return Table(f"Flipped: {row}, {task}", note, header, [_flip_cells(flip, names, text) for flip in shown])


def _drop_row(table: Table) -> Table:
    """Without the column that names the row, where there is one row only."""
    if table.header[:1] != ("row",):
        return table
    return Table(table.title, table.note, table.header[1:], [line[1:] for line in table.lines])


def render_terminal(tables: Iterable[Table]) -> str:
    """Columns padded to their widest cell."""
    parts = []
    for table in tables:
        parts += [f"== {table.title}", *([table.note] if table.note else [])]
        parts += [text_tables.render_terminal(table.header, table.lines, table.header)] if table.lines else []
        parts += [""]
    return "\n".join(parts)


def render_markdown(title: str, tables: Iterable[Table]) -> str:
    """The same as markdown."""
    parts = [f"# {title}", ""]
    for table in tables:
        parts += [f"## {table.title}", "", *([table.note, ""] if table.note else [])]
        if table.lines:
            parts += [text_tables.render_markdown(table.header, table.lines, table.header), ""]
    return "\n".join(parts).rstrip() + "\n"


def _merge_rows(lines: Iterable[tuple[str, ...]]) -> list[Sequence[str]]:
    """What is the same for several rows, once, with all their names."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for row, *rest in lines:
        rows.setdefault(tuple(rest), []).append(row)
    return [
        (", ".join(names) if len(names) <= NUM_NAMES else f"{len(names)} rows", *rest) for rest, names in rows.items()
    ]


def _score_cells(score: Score) -> Sequence[str]:
    interval = f"{score.interval[0]:+.3f} to {score.interval[1]:+.3f}" if score.interval else ""
    seeds = str(score.num_seeds[0]) if len(set(score.num_seeds)) == 1 else "{} and {}".format(*score.num_seeds)
    marks = [MARK if collapsed else "" for collapsed in score.collapsed]
    difference = BOTH_COLLAPSED if score.both_collapsed else f"{score.difference:+.3f}"
    values = (f"{score.one:.3f}{marks[0]}", f"{score.other:.3f}{marks[1]}", difference)
    return (score.row, score.metric, *values, interval, score.mark, seeds)


def _group(flips: list[Flip]) -> dict[tuple[str, str], list[Flip]]:
    groups: dict[tuple[str, str], list[Flip]] = {}
    for flip in flips:
        groups.setdefault((flip.row, flip.task), []).append(flip)
    return groups


def _flip_cells(flip: Flip, names: tuple[str, str], text: dict[str, str]) -> Sequence[str]:
    values = tuple(f"{value:.3g}" for value in (flip.label, flip.one, flip.other))
    cells = (flip.id, *values, names[flip.is_fixed])
    return (*cells, _shorten(text[flip.id], MAX_TEXT)) if text else cells


def _shorten(text: str, limit: int = MAX_VALUE) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
