"""A document as markdown, as GitHub and MLflow's pages show it."""

from pipeline.reporting.document import Document, cell_text
from pipeline.reporting.text_tables import render_markdown as render_table


def render_markdown(document: Document) -> str:
    """Caption, tables and footnotes; a changed cell changes one line."""
    blocks, settings = [], [document.setting, *[""] * len(document.tables)]
    for table, setting in zip(document.tables, settings, strict=False):
        lines = [[cell_text(cell) for cell in line] for line in table.lines]
        blocks += [f"**{table.title}.** {setting}".strip(), render_table(table.header, lines, table.words)]
    notes = [*(note for table in document.tables for note in table.notes), *document.caveats]
    return "\n\n".join([*blocks, "\n".join(f"- {note}" for note in notes)]) + "\n"
