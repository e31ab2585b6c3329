"""`make review`'s command on a real graph: what CI says of a change, from DVC's cache."""

import re
import shutil
import subprocess

import pytest

from pipeline.gate.review_graph import GraphError, list_stale, reproduce
from tests.graph.project import commit_lock, trained

RAN = re.compile(r"^- What had to be run since .*: (.*)\.$", re.MULTILINE)


@pytest.fixture(scope="module")
def blessed(project):
    """The project with its results as the baseline, committed on `main`; the branch `change` is checked out."""
    params = project.params
    rows = [f"{task}_{mode}" for task in params["part1"]["tasks"] for mode in params["part1"]["modes"]]
    every = {row: list(params["tasks"]) for row in [*rows, *params["iterations"]]}
    params["profiles"]["tiny"]["may_collapse"] = every  # a random encoder and a few steps
    project.write(params)
    project.repro()
    subprocess.run(["python", "-m", "stages.bless"], cwd=project.root, env=project.environment, check=True)
    project.git("add", "baseline")
    commit_lock(project, is_current=True)
    project.git("switch", "--quiet", "--create", "change")
    return project


def review(project) -> tuple[int, str]:
    """The exit code, and the markdown."""
    command = ["python", "-m", "stages.review", "--base", "main", "--markdown", "review.md"]
    done = subprocess.run(command, cwd=project.root, env=project.environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, (project.root / "review.md").read_text()


def test_a_change_of_words_runs_nothing_and_passes(blessed):
    code, text = review(blessed)
    assert code == 0, text
    assert text.startswith("## tiny: no regression\n") and RAN.search(text)[1] == "nothing"
    assert "dvc.lock is stale" not in text


def test_a_score_below_its_floor_is_stopped_and_named(blessed):
    params = blessed.params
    params["profiles"]["tiny"]["floors"] = {"iteration_3": {"sst": 1.0}}
    blessed.write(params)
    commit_lock(blessed, is_current=True)
    code, text = review(blessed)
    assert code == 1, text
    assert "dvc.lock is stale" not in text, "a floor is no part of the plan"
    assert "- below its floor: iteration_3 sst: " in text


def test_a_fresh_clone_with_a_restored_cache_runs_no_more_than_the_projection(blessed):
    """As the workflow does it: what the last job kept, and predictions from git."""
    blessed.git("checkout", "--quiet", "main", "--", "dvc.lock", "params.yaml")
    commit_lock(blessed, is_current=True)
    blessed.dvc("gc", "--workspace", "--force")
    shutil.rmtree(blessed.root / "artifacts")
    code, text = review(blessed)
    assert code == 0 and RAN.search(text)[1] == "`track@tiny`", text


def test_a_changed_row_without_its_lock_is_stopped_and_named_although_dvc_exits_0(blessed):
    params = blessed.params
    params["iterations"]["iteration_3"]["train"] = {"learning_rate": 2.0e-3}
    blessed.write(params)
    assert blessed.dvc("repro", "--allow-missing", "--dry").returncode == 0
    code, text = review(blessed)
    assert code == 1 and text.startswith("## tiny: stopped\n"), text
    assert "**dvc.lock is stale**" in text and "Stale: `plan@tiny`." in text
    # What was run is said; it has made dvc.lock fit, so with the lock committed the change passes and runs nothing.
    ran = RAN.search(text)[1]
    assert "`phase2@tiny-iteration_3-0`" in ran and len(trained(re.findall("`(.*?)`", ran))) == 1
    commit_lock(blessed, is_current=True)
    code, text = review(blessed)
    assert code == 0 and RAN.search(text)[1] == "nothing", text


def test_dvc_s_error_is_in_one_line(blessed):
    (blessed.root / "dvc.yaml").rename(blessed.root / "aside.yaml")
    try:
        (blessed.root / "dvc.yaml").write_text("stages: [\n")
        for call in (lambda root: list_stale(root, "tiny"), reproduce):
            with pytest.raises(GraphError, match=r"^dvc (repro|checkout).* failed: './dvc.yaml' is invalid.$"):
                call(blessed.root)
    finally:
        (blessed.root / "aside.yaml").rename(blessed.root / "dvc.yaml")
