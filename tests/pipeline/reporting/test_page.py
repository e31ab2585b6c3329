"""The report page: it needs nothing from outside, shows every table, and text stays text."""

import base64
import re
from html.parser import HTMLParser

import pytest

from pipeline.reporting.document import Document, Score, Table
from pipeline.reporting.page import CAPTIONS, render_page, to_html
from pipeline.reporting.results import read_results
from pipeline.reporting.settings import compose_settings

VOID = {"meta", "img", "br", "wbr"}
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
DATA = (
    "# Data report\n\nLengths.\n\n## sst\n\n| split | rows |\n|---|---|\n| train | 8,544 |\n\n- labels: 0 < 1\n- two\n"
)


class Reader(HTMLParser):
    """Tags that are opened and closed in order, the text, and all that the page loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.loads, self.text, self.tags = [], [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def results(profile):
    profile.add("phase2", "row", [{"sst": 0.5}] * 2)
    profile.add("phase2", "other", [{"sst": 0.5}] * 2)
    for row, rate in (("row", 1e-5), ("other", 3e-5)):
        params = {"train.learning_rate": rate, "train.batch_size": 32, "code": "hash", "code.model": "hash"}
        profile.write_run("phase2", row, 0, params=params)
    profile.index["description"] = "A <b>demonstration</b> & more."
    profile.save()
    return read_results(profile.root, "demo")


def render(results, data=DATA):
    cell = Score(0.1, 0.05, 0.15, "+", "▲", is_collapsed=True, collapsed="control collapsed")
    table = Table("A title", ["row", "sst"], [["`some_row`", cell]], ["row"], ["A note."])
    documents = dict.fromkeys(("table1", "table2", "controls"), Document("Dev sets.", [table], ["A caveat."]))
    return render_page(results, documents, dict.fromkeys(CAPTIONS, SVG), compose_settings(results), data)


def test_the_page_needs_nothing_but_itself(results):
    page = render(results)
    reader = Reader(page)
    assert "script" not in reader.tags and "link" not in reader.tags and "url(" not in page
    anchors = {name.removeprefix("#") for name in reader.loads if name.startswith("#")}
    assert anchors == set(re.findall(r'<section id="(\w+)">', page))
    images = [name for name in reader.loads if not name.startswith("#")]
    assert len(images) == len(CAPTIONS) == page.count("<figcaption>")
    assert {base64.b64decode(name.removeprefix("data:image/svg+xml;base64,")) for name in images} == {SVG}


def test_text_stays_text(results):
    reader = Reader(render(results))
    assert "b" not in reader.tags
    assert "A <b>demonstration</b> & more." in "".join(reader.text)
    assert to_html("`a_b<` *c* <") == "<code>a_<wbr>b&lt;</code> <em>c</em> &lt;"


def test_settings_are_those_of_all_rows_and_each_rows_own(results):
    (table,) = compose_settings(results)
    assert table.lines == [
        ["*all rows*", "`train.batch_size = 32`"],
        ["`row`", "`train.learning_rate = 1e-05`"],
        ["`other`", "`train.learning_rate = 3e-05`"],
    ]
