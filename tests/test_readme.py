"""The README's numbers: each table in it is the one that the last run left in results/."""

from pathlib import Path

from pipeline.reporting.readme import find_stale

ROOT = Path(__file__).parent.parent


def test_the_tables_are_those_of_results():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- table2 ") == 2, "the README shows table 2 of a real run and of the sample"
    assert find_stale(text, ROOT / "results") == []
