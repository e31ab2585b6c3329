"""A document as markdown, as GitHub and MLflow's pages show it."""

import textwrap

from pipeline.reporting.document import Document, cell_text
from pipeline.reporting.text_tables import render_markdown as render_table

NOTE_WIDTH = 128
WHOLE = {"break_long_words": False, "break_on_hyphens": False}


def render_markdown(document: Document) -> str:
    """Caption, tables and footnotes, those wrapped; a changed cell changes one line."""
    blocks, settings = [], [document.setting, *[""] * len(document.tables)]
    for table, setting in zip(document.tables, settings, strict=False):
        lines = [[cell_text(cell) for cell in line] for line in table.lines]
        blocks += [f"**{table.title}.** {setting}".strip(), render_table(table.header, lines, table.words)]
    notes = [*(note for table in document.tables for note in table.notes), *document.caveats]
    return (
        "\n\n".join(
            [
                *blocks,
                "\n".join(textwrap.fill(f"- {note}", NOTE_WIDTH, subsequent_indent="  ", **WHOLE) for note in notes),
            ]
        )
        + "\n"
    )
