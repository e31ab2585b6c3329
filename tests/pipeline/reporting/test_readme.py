"""README blocks: rendered from the results, stale ones named, broken markers refused."""

import pytest

from pipeline.reporting.readme import find_stale, render_readme

TEXT = "# Title\n\n<!-- table2 demo -->\nold\n<!-- end -->\nwords\n<!-- controls demo -->\n<!-- end -->\ntail"


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results" / "demo").mkdir(parents=True)
    (tmp_path / "results" / "demo" / "table2.md").write_text("| two |\n")
    (tmp_path / "results" / "demo" / "controls.md").write_text("| controls |\n")
    return tmp_path / "results"


def test_blocks_are_replaced_and_the_rest_kept(results):
    rendered = render_readme(TEXT, results)
    assert rendered == (
        "# Title\n\n<!-- table2 demo -->\n| two |\n<!-- end -->\nwords\n<!-- controls demo -->\n| controls |\n"
        "<!-- end -->\ntail"
    )
    assert render_readme(rendered, results) == rendered


def test_stale_blocks_are_named(results):
    rendered = render_readme(TEXT, results)
    assert find_stale(rendered, results) == []
    (results / "demo" / "controls.md").write_text("| changed |\n")
    assert find_stale(rendered, results) == ["controls demo"]


def test_missing_result_is_named(results):
    (results / "demo" / "table2.md").unlink()
    with pytest.raises(ValueError, match="<!-- table2 demo -->: .*table2.md does not exist"):
        render_readme(TEXT, results)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table1 demo -->\n", "<!-- table1 demo --> has no <!-- end -->"),
        ("\n<!-- end -->\n", "line 2: <!-- end --> where a table was expected"),
        (
            "<!-- table1 demo -->\n<!-- table2 demo -->\n<!-- end -->\n",
            "line 2: <!-- table2 demo --> where <!-- end --> was expected",
        ),
        ("<!-- tabel2 demo -->\n<!-- end -->\n", "line 2: <!-- end --> where a table was expected"),
    ],
)
def test_marker_without_its_partner_is_named(results, text, message):
    with pytest.raises(ValueError, match=message):
        render_readme(text, results)
