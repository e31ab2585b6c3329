"""Tables as text: markdown, and columns for a terminal. Columns of words are aligned left, those of numbers right."""

from collections.abc import Collection, Sequence

Lines = Sequence[Sequence[str]]


def render_markdown(header: Sequence[str], lines: Lines, words: Collection[str]) -> str:
    """A table whose cells are not padded, so that a changed cell changes one line; `words` are names of columns."""
    rule = ["---" if name in words else "---:" for name in header]
    rows = [map(_escape, header), rule, *(map(_escape, cells) for cells in lines)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def render_terminal(header: Sequence[str], lines: Lines, words: Collection[str]) -> str:
    """A table whose columns are padded to their widest cell."""
    from tabulate import tabulate  # comes with DVC, which a machine that trains and reports may lack

    alignment = ["left" if name in words else "right" for name in header]
    return tabulate([header, *lines], tablefmt="plain", colalign=alignment, disable_numparse=True)


def _escape(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())  # a bar or a line break would end the cell
