"""README blocks: rendered from the results, stale ones named, broken markers refused."""

import sys

import pytest

from pipeline.reporting.readme import find_stale, render_readme
from stages import readme as stage

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


def run_stage(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["readme", *arguments])
    stage.main()


def test_stage_checks_without_writing_and_then_rewrites(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text(TEXT)
    with pytest.raises(ValueError, match="stale: README.md: table2 demo, README.md: controls demo;"):
        run_stage(monkeypatch, "--check")
    assert (tmp_path / "README.md").read_text() == TEXT
    run_stage(monkeypatch)
    assert (tmp_path / "README.md").read_text() == render_readme(TEXT, results)
    run_stage(monkeypatch, "--check")
