"""A document as LaTeX, to be `\\input` between other text: a `table` for each of its tables.

Needs the packages booktabs, graphicx and amssymb. A table that is too wide or too high for the page is scaled to fit.
"""

import re

from pipeline.reporting.document import COLLAPSED_MARK, Cell, Document, Score, Table, split_markup

PREAMBLE = r"""\providecommand{\stackedcell}[3]{\begin{tabular}[t]{@{}#1@{}}#2\\[-1pt]\scriptsize #3\end{tabular}}
\providecommand{\fitted}[1]{\sbox0{#1}%
  \ifdim\wd0>\linewidth\sbox0{\resizebox{\linewidth}{!}{\usebox0}}\fi
  \dimen0=\ht0\advance\dimen0 by\dp0
  \ifdim\dimen0>.7\textheight\sbox0{\resizebox*{!}{.7\textheight}{\usebox0}}\fi
  \usebox0}
"""
SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"$\sim$", "^": r"\^{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "<": "$<$", ">": "$>$", "|": "$|$",
    COLLAPSED_MARK: r"$^\dagger$", "▲": r"$\blacktriangle$", "▼": r"$\blacktriangledown$",
    "→": r"$\to$", "−": "$-$", "–": "--", "—": "---", "×": r"$\times$", "±": r"$\pm$", "≥": r"$\geq$", "≤": r"$\leq$",
}  # fmt: skip


def render_latex(document: Document, name: str) -> str:
    r"""The tables, labelled `tab:NAME`, `tab:NAME-2` and so on, each with its footnotes and the caveats."""
    floats = []
    for number, table in enumerate(document.tables, 1):
        setting = f" {to_latex(document.setting)}" if number == 1 else ""
        notes = "\\par\n".join(to_latex(note) for note in [*table.notes, *document.caveats])
        floats += [
            r"\begin{table}[tbp]",
            r"\centering\small",
            f"\\caption{{{to_latex(_drop_number(table.title))}.{setting}}}\\smallskip",
            f"\\label{{tab:{name}{'' if number == 1 else f'-{number}'}}}",
            f"\\fitted{{{_render_table(table)}}}",
            f"\\par\\medskip\\begin{{minipage}}{{\\linewidth}}\\scriptsize\n{notes}\n\\end{{minipage}}",
            r"\end{table}",
        ]
    return PREAMBLE + "\n".join(floats) + "\n"


def to_latex(text: str) -> str:
    """Words with `code` and *emphasis* in LaTeX's terms, every special character escaped."""
    frames = {"": "{}", "code": "\\texttt{{{}}}", "em": "\\emph{{{}}}"}
    return "".join(frames[kind].format(_escape(part)) for kind, part in split_markup(text))


def _drop_number(title: str) -> str:
    """A title without `Table 1, `: LaTeX counts its own."""
    title = re.sub(r"^Table \d+, ", "", title)
    return title[0].upper() + title[1:]


def _escape(text: str) -> str:
    return "".join(SPECIAL.get(character, character) for character in text)


def _render_table(table: Table) -> str:
    shown = [place for place, name in enumerate(table.header) if name not in (*table.asides, table.stacked)]
    alignment = "".join("l" if table.header[place] in table.words else "r" for place in shown)
    lines = [r"\toprule", f"{' & '.join(to_latex(table.header[place]) for place in shown)} \\\\", r"\midrule"]
    for line in table.lines:
        cells = [_render_cell(line[place]) for place in shown]
        if table.stacked and (below := line[table.header.index(table.stacked)]):
            cells[0] = f"\\stackedcell{{l}}{{{cells[0]}}}{{{table.stacked}: {_render_cell(below)}}}"
        lines.append(f"{' & '.join(cells)} \\\\\\addlinespace[2pt]")
    return "\n".join([f"\\begin{{tabular}}{{{alignment}}}", *lines, r"\bottomrule", r"\end{tabular}"])


def _render_cell(cell: Cell) -> str:
    if not isinstance(cell, Score):
        return to_latex(cell)
    paper = "" if cell.paper is None else f" [{cell.paper:.3f}]"
    above = f"{cell.number}{COLLAPSED_MARK * cell.is_collapsed} {cell.mark}".strip() + paper
    words = f"\\\\[-2pt]\\scriptsize {cell.collapsed}" if cell.collapsed else ""
    return f"\\stackedcell{{r}}{{{_minus(to_latex(above))}}}{{{_minus(cell.interval)}{words}}}"


def _minus(text: str) -> str:
    return re.sub(r"-(?=\d)", "$-$", text)
