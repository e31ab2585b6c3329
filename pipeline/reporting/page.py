"""The whole report of a profile as one html page that needs no network, no script and no other file."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby

from pipeline.reporting.controls import BETTER, WORSE
from pipeline.reporting.document import COLLAPSED_MARK, Cell, Document, Score, Table, split_markup
from pipeline.reporting.page_style import STYLE
from pipeline.reporting.results import Results

BREAK = re.compile(r"_(?=[a-z])")
LONG = 40  # characters from which a cell of words needs room
MARK_CLASSES = {BETTER: "better", WORSE: "worse"}
CAPTIONS = {
    "ablation": "Each row minus its control.",
    "figure2": "Scores per epoch in phase 1.",
    "figure3": "Scores per epoch in phase 2.",
    "conflicts": "How the gradients of two tasks conflict.",
    "norms": "The norm of each task's gradient.",
}
FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{style}
</head>
<body>
{body}
</body>
</html>
"""


def render_page(
    results: Results,
    documents: Mapping[str, Document],
    figures: Mapping[str, bytes],
    settings: Sequence[Table],
    data_report: str,
) -> str:
    """The page. `documents` are table1, table2 and controls, `figures` SVG files by the names in `CAPTIONS`.

    `data_report` is markdown, empty where there is none.
    """
    index = results.index
    sections = {
        "Differences": [_draw("ablation", figures), *_render_document(documents["controls"])],
        "Table 2": _render_document(documents["table2"]),
        "Table 1": _render_document(documents["table1"]),
        "Training": [_draw(name, figures) for name in CAPTIONS if name != "ablation"],
        "Settings": [_render_table(table) for table in settings],
        "Data": _render_markdown(data_report) if data_report else ["<p>There is no data report here.</p>"],
    }
    seeds = ", ".join(str(seed) for seed in index["seeds"])
    links = "".join(f'<a href="#{_anchor(name)}">{name}</a>' for name in sections)
    body = [
        f"<h1>{escape(index['profile'])}</h1>",
        f"<p>{to_html(index['description'])} Encoder <code>{escape(index['encoder'])}</code>, seeds {seeds}.</p>",
        _list(index.get("caveats", []), "caveats"),
        f"<nav>{links}</nav>",
    ]
    for name, parts in sections.items():
        body += [f'<section id="{_anchor(name)}">', f"<h2>{name}</h2>", *parts, "</section>"]
    return FRAME.format(title=f"{escape(index['profile'])}: report", style=STYLE, body="\n".join(body))


def to_html(text: str) -> str:
    """Words with `code`, which may break after an underscore, and *emphasis*; everything else escaped."""
    frames = {"": "{}", "em": "<em>{}</em>", "code": "<code>{}</code>"}
    parts = ((kind, escape(part)) for kind, part in split_markup(text))
    return "".join(frames[kind].format(BREAK.sub("_<wbr>", part) if kind else part) for kind, part in parts)


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "")


def _draw(name: str, figures: Mapping[str, bytes]) -> str:
    data = base64.b64encode(figures[name]).decode()
    image = f'<img alt="{escape(CAPTIONS[name])}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(CAPTIONS[name])}</figcaption></figure>"


def _render_document(document: Document) -> list[str]:
    parts = [_render_table(table) + _list(table.notes, "notes") for table in document.tables]
    return [f"<p>{to_html(document.setting)}</p>", *parts, _list(document.caveats, "notes")]


def _list(notes: Iterable[str], name: str) -> str:
    items = "".join(f"<li>{to_html(note)}</li>" for note in notes)
    return f'<ul class="{name}">{items}</ul>' if items else ""


def _render_table(table: Table) -> str:
    header = "".join(f"<th{_class(_kinds(table, name))}>{to_html(name)}</th>" for name in table.header)
    lines = [
        "".join(_render_cell(cell, _kinds(table, name)) for name, cell in zip(table.header, line, strict=True))
        for line in table.lines
    ]
    rows = "\n".join(f"<tr>{line}</tr>" for line in lines)
    title = f"<caption>{to_html(table.title)}</caption>" if table.title else ""
    return f'<div class="wide"><table>{title}<thead><tr>{header}</tr></thead>\n<tbody>{rows}</tbody></table></div>'


def _kinds(table: Table, name: str) -> list[str]:
    return ["word"] if name in table.words else []


def _class(kinds: Iterable[str]) -> str:
    text = " ".join(kinds)
    return f' class="{text}"' if text else ""


def _render_cell(cell: Cell, kinds: list[str]) -> str:
    if not isinstance(cell, Score):
        kinds = [*kinds, *(["long"] if len(cell) > LONG else []), *(["collapsed"] if COLLAPSED_MARK in cell else [])]
        return f"<td{_class(kinds)}>{to_html(cell)}</td>"
    kinds = ["score", *([MARK_CLASSES[cell.mark]] if cell.mark else []), *(["collapsed"] if cell.is_collapsed else [])]
    paper = "" if cell.paper is None else f' <span class="paper">[{cell.paper:.3f}]</span>'
    value = f"{cell.number} {cell.mark}{COLLAPSED_MARK * cell.is_collapsed}".strip() + paper
    said = f'<span class="said">{escape(cell.collapsed)}</span>' if cell.collapsed else ""
    return f'<td{_class(kinds)}>{value}<span class="interval">{cell.interval}</span>{said}</td>'


def _render_markdown(text: str) -> Iterator[str]:
    """What the data report is written in: headings, tables, lists of one level, and paragraphs of one line."""
    for kind, lines in groupby(text.splitlines(), lambda line: line[:1] if line[:1] in "#|-" else "p" * bool(line)):
        if kind == "|":
            header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
            yield _render_table(Table("", header, rows, words=header[:1]))
        elif kind == "-":
            yield _list((line.removeprefix("- ") for line in lines), "data")
        elif kind == "#":
            yield from (f"<h3>{to_html(line.lstrip('# '))}</h3>" for line in lines if line.startswith("##"))
        elif kind:
            yield from (f"<p>{to_html(line)}</p>" for line in lines)
