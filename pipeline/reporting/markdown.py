"""A document as markdown, as GitHub and MLflow's pages show it."""

from pipeline.reporting.document import Document, cell_text
from pipeline.reporting.text_tables import render_markdown as render_table


def render_markdown(document: Document) -> str:
    """Caption, tables and footnotes; a changed cell changes one line."""
    blocks = [f"**{document.title}.** {document.setting}"]
    for table in document.tables:
        lines = [[cell_text(cell) for cell in line] for line in table.lines]
        blocks.append(render_table(table.header, lines, table.words))
    return "\n\n".join([*blocks, "\n".join(f"- {note}" for note in document.notes)]) + "\n"
