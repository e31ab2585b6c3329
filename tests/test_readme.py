"""The README and the pages in docs/: short, with the tables of results/, and naming only what is there."""

import re
from pathlib import Path

import pytest

from pipeline.reporting.readme import find_stale

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_a_stranger_can_read_it_in_one_go():
    lines = README.splitlines()
    assert len(lines) <= 150
    assert max(map(len, lines)) <= 130
    assert "<details>" not in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_those_of_results(page):
    assert find_stale(page.read_text(encoding="utf-8"), ROOT / "results") == []


def test_the_tables_of_a_real_run_are_shown():
    assert "<!-- paper course_small -->" in README
    assert "<!-- controls course_small -->" in (ROOT / "docs/results.md").read_text(encoding="utf-8")


def test_the_tree_has_every_folder():
    tree = README.partition("## The tree")[2].partition("```\n")[2].partition("```")[0]
    named = set(re.findall(r"(\w+)/", tree))
    tops = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    rooms = {path.parent.name for path in ROOT.glob("pipeline/*/__init__.py")}
    assert named == tops | rooms | {"results", "baseline", "tests"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_commands_and_files_are_there(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^    |`)make ([\w-]+)", text, re.MULTILINE)) <= targets
    assert all((ROOT / "stages" / f"{stage}.py").is_file() for stage in re.findall(r"python -m stages\.(\w+)", text))
