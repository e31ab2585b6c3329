"""A review as markdown: the verdict, what is in the way, what was run, and the comparison that counts first."""

import pytest

from pipeline.gate.comparison import Comparison, Floor
from pipeline.gate.review import Review
from pipeline.gate.review_text import render_review
from tests.tiny import REPOSITORY

BASE = "0123456789" * 4


def make(**changes: object) -> Review:
    passed = Comparison("before", "after", [], [], [])
    fields = {"profile": "sample", "base": BASE, "stale": [], "ran": [], "comparison": passed, "accepted": None}
    return Review(**fields | {"problems": []} | changes)


REGRESSED = Comparison("before", "after", [], [], [Floor("row", "sst", 0.5, 0.4)])


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "## sample: no regression"),
        ({"comparison": REGRESSED}, "## sample: stopped"),
        ({"stale": ["plan@sample"]}, "## sample: stopped"),
        ({"comparison": None, "ran": None, "problems": ["dvc repro failed: why"]}, "## sample: could not be judged"),
    ],
)
def test_the_verdict_comes_first(changes, title):
    assert render_review(make(**changes)).startswith(f"{title}\n")


def test_a_stale_lock_says_which_stages_and_what_to_do():
    text = render_review(make(stale=["plan@sample", "report@sample"]))
    assert "**dvc.lock is stale**: `dvc repro`, and commit it" in text
    assert "Stale: `plan@sample`, `report@sample`." in text


def test_the_workflow_runs_what_is_tested_here():
    """The job of the workflow restores DVC's cache and runs the one command that runs here too."""
    import yaml

    jobs = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())["jobs"]
    steps = jobs["metrics"]["steps"]
    commands = [step.get("run", "") for step in steps]
    (place,) = [place for place, command in enumerate(commands) if command.startswith("make review")]
    restored = [place for place, step in enumerate(steps) if "cache/restore" in step.get("uses", "")]
    assert restored and max(restored) < place and steps[restored[0]]["with"]["path"] == ".dvc/cache"
    checkout = next(step for step in steps if "checkout" in step.get("uses", ""))
    assert checkout["with"]["fetch-depth"] == 0, "a shallow clone has no merge base"
    after = [step for step in steps[place + 1 :] if "review.md" in step.get("run", "")]
    assert len(after) == 2 and all("always()" in step["if"] for step in after), "also of a change that is stopped"
    rule = (REPOSITORY / "Makefile").read_text().partition("\nreview:")[2].partition("\n\n")[0]
    assert "python -m stages.review --base $(BASE) --markdown review.md" in rule
    assert any(command == "bash .ci/run" for command in (step.get("run", "") for step in jobs["test"]["steps"]))
