"""A table with its caption and footnotes, before it is markdown, LaTeX or html.

Words of cells and notes may hold `code` and *emphasis*, as in markdown, and no other markup.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COLLAPSED_MARK = "†"
_MARKUP = re.compile(r"`([^`]*)`|(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])")


@dataclass(frozen=True)
class Score:
    """A score or a difference with its interval and all that is said of it."""

    value: float
    low: float
    high: float
    sign: str = ""  # "+": the sign of a difference is always there
    mark: str = ""  # better or worse
    is_collapsed: bool = False
    collapsed: str = ""  # in words: in how many seeds, or on which side
    paper: float | None = None

    @property
    def number(self) -> str:
        return f"{self.value:{self.sign}.3f}"

    @property
    def interval(self) -> str:
        return f"{self.low:{self.sign}.3f} to {self.high:{self.sign}.3f}"

    @property
    def text(self) -> str:
        """`0.500 (0.450 to 0.550) † collapsed [0.484]`: the paper's value in brackets."""
        dagger = COLLAPSED_MARK if self.is_collapsed else ""
        paper = "" if self.paper is None else f"[{self.paper:.3f}]"
        parts = (f"{self.number} ({self.interval})", self.mark, dagger, self.collapsed, paper)
        return " ".join(part for part in parts if part)


Cell = str | Score


@dataclass(frozen=True)
class Table:
    """A header and lines of as many cells, under a title. Columns in `words` hold words.

    In print, where width is short, columns in `asides` are left out, and the column `stacked` goes below the first.
    """

    title: str
    header: Sequence[str]
    lines: Sequence[Sequence[Cell]]
    words: Sequence[str]
    notes: Sequence[str] = ()
    asides: Sequence[str] = ()
    stacked: str = ""


@dataclass(frozen=True)
class Document:
    """Tables of one setting (data, encoder, seeds), which is said with the first, and caveats that hold for all."""

    setting: str
    tables: Sequence[Table]
    caveats: Sequence[str]


def cell_text(cell: Cell) -> str:
    """A cell as one line of words."""
    return cell if isinstance(cell, str) else cell.text


def split_markup(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a text with their kind: "code", "em", or "" for plain words."""
    position = 0
    for match in _MARKUP.finditer(text):
        code, emphasis = match.groups()
        yield "", text[position : match.start()]
        yield ("em", emphasis) if code is None else ("code", code)
        position = match.end()
    yield "", text[position:]
