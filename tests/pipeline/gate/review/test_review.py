"""A change against where it branched off: what counts, what stops it, and what could not be done. DVC is left out."""

import shutil
from pathlib import Path

import pytest

from pipeline.config.params import load_params
from pipeline.files.atomic import write_json
from pipeline.gate import review as module
from pipeline.gate.baseline import bless
from pipeline.gate.review import review
from pipeline.gate.review_graph import GraphError
from tests.pipeline.gate.conftest import predict, write_predictions
from tests.pipeline.gate.difference.conftest import git
from tests.tiny import LOADER, REPOSITORY, dump_yaml, yaml

SEEDS = (0, 1, 2)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Blessed results of one row on `main`, and the branch `change` checked out; DVC finds nothing to do."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    params = yaml.load((REPOSITORY / "params.yaml").read_text(), LOADER)
    params["profile"], params["profiles"]["sample"]["floors"] = "sample", {}
    (root / "params.yaml").write_text(dump_yaml(params))
    write_results(root, 0.5)
    index = {"part1": [], "phase1": [], "phase2": [{"row": "row"}], "seeds": list(SEEDS)}
    write_json(root / "artifacts/sample/plan/index.json", index)
    bless(load_params())
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root, "blessed")
    git(root, "switch", "--quiet", "--create", "change")
    stub_dvc(monkeypatch)
    return root


def commit(root: Path, message: str) -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(root, "rev-parse", "HEAD")


def write_results(root: Path, score: float, start: int = 0) -> None:
    for seed in SEEDS:
        folder = root / f"results/sample/predictions/phase2/row-{seed}"
        write_predictions(folder, "sst", predict("sst", score, start + seed))


def stub_dvc(monkeypatch: pytest.MonkeyPatch, stale: object = (), ran: object = ()) -> None:
    """Lists of stages for DVC to answer with; an exception is raised."""

    def answer(what: object):
        def call(root: Path, profile: str = "") -> list[str]:
            if isinstance(what, Exception):
                raise what
            return list(what)

        return call

    monkeypatch.setattr(module, "list_stale", answer(stale))
    monkeypatch.setattr(module, "reproduce", answer(ran))


def test_a_change_that_changes_nothing_passes(project):
    base = git(project, "rev-parse", "main")
    commit(project, "words")
    found = review("main", project)
    assert (found.profile, found.base, found.stale, found.ran, found.problems) == ("sample", base, [], [], [])
    assert found.exit_code == 0 and found.comparison.num_changed == 0 and found.accepted is None


def test_the_baseline_is_that_of_the_merge_base_not_of_what_main_has_come_to(project):
    base = git(project, "rev-parse", "main")
    git(project, "switch", "--quiet", "main")
    write_results(project, 0.9)
    bless(load_params())
    commit(project, "better")
    git(project, "switch", "--quiet", "change")
    commit(project, "words")
    found = review("main", project)
    assert found.base == base and found.comparison.num_changed == 0 and found.exit_code == 0


def test_a_regression_stops_it_and_a_reseed_does_not(project):
    write_results(project, 0.5, start=50)
    commit(project, "other seeds")
    found = review("main", project)
    assert found.exit_code == 0 and found.comparison.num_changed == 1
    write_results(project, 0.3)
    commit(project, "worse")
    found = review("main", project)
    assert found.exit_code == 1 and found.judged is found.comparison
    assert [verdict.verdict for verdict in found.comparison.verdicts] == ["regressed"]


def test_a_regression_that_the_change_accepts_does_not_stop_it_but_is_shown(project):
    write_results(project, 0.3)
    bless(load_params())
    commit(project, "worse, and accepted")
    found = review("main", project)
    assert found.comparison.is_regressed and not found.accepted.is_regressed
    assert found.judged is found.accepted and found.exit_code == 0


def test_a_stale_lock_stops_it_however_good_it_is(project, monkeypatch):
    stub_dvc(monkeypatch, stale=["plan@sample"], ran=["plan@sample", "report@sample"])
    found = review("main", project)
    assert (found.stale, found.ran, found.exit_code) == (["plan@sample"], ["plan@sample", "report@sample"], 1)


def test_a_graph_that_fails_is_a_problem_with_dvc_s_words_and_nothing_is_judged(project, monkeypatch):
    stub_dvc(monkeypatch, ran=GraphError("dvc repro failed: failed to reproduce 'plan@sample'"))
    found = review("main", project)
    assert (found.ran, found.comparison, found.exit_code) == (None, None, 2)
    assert found.problems == ["dvc repro failed: failed to reproduce 'plan@sample'"]


def test_a_first_baseline_counts_by_itself(project):
    git(project, "switch", "--quiet", "main")
    shutil.rmtree(project / "baseline")
    base = commit(project, "no baseline yet")
    git(project, "switch", "--quiet", "--create", "first")
    bless(load_params())
    commit(project, "a baseline")
    found = review("main", project)
    assert found.comparison is None and found.problems == [f"baseline/sample: not in git at {base[:7]}"]
    assert found.judged is found.accepted and found.exit_code == 0


def test_without_any_baseline_nothing_is_judged(project):
    git(project, "switch", "--quiet", "main")
    shutil.rmtree(project / "baseline")
    commit(project, "no baseline yet")
    found = review("main", project)
    assert found.exit_code == 2 and len(found.problems) == 2
    assert "`make bless`" in found.problems[1]


def test_a_base_with_nothing_in_common_is_refused(project):
    git(project, "switch", "--quiet", "--orphan", "other")
    commit(project, "another beginning")
    git(project, "switch", "--quiet", "change")
    with pytest.raises(ValueError, match="HEAD and other have no commit in common"):
        review("other", project)
