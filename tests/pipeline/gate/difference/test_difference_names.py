"""Names: what they mean, and that one with no meaning, or with two, is refused."""

from pathlib import Path

import pytest

from pipeline.files.atomic import write_text
from pipeline.gate.difference_names import resolve, resolve_pair
from pipeline.tracking import read_back
from pipeline.tracking.read_back import StoredRun
from tests.pipeline.gate.difference.conftest import git, write_runs

RUN = "0123456789abcdef0123456789abcdef"


def commit(root: Path, message: str) -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)
    return git(root, "rev-parse", "HEAD")


def test_a_row_is_all_its_seeds(project: Path, tmp_path: Path) -> None:
    kind, side = resolve("baseline", "tiny", project, tmp_path)
    assert kind == "row"
    assert {place: [run.seed for run in runs] for place, runs in side.rows.items()} == {("phase2", "baseline"): [0, 1]}
    assert side.rows["phase2", "baseline"][0].scores == {"sst.accuracy": 0.5}


def test_a_revision_is_its_results_not_those_of_today(project: Path, tmp_path: Path) -> None:
    (project / "results/tiny/imported").mkdir(parents=True)
    (project / "artifacts/tiny/records").rename(project / "results/tiny/imported/records")
    (project / "artifacts/tiny/plan").rename(project / "results/tiny/imported/plan")
    (project / "artifacts/tiny/predictions").rename(project / "results/tiny/imported/predictions")
    first = commit(project, "first")
    write_runs(project, "baseline", 0)
    one, other = resolve_pair(first[:10], "HEAD", "tiny", project, tmp_path)
    assert one.name == f"{first[:10]} ({first[:7]})"
    assert one.rows["phase2", "baseline"][0].scores["sst.accuracy"] == 0.5
    assert other.rows.keys() == one.rows.keys()
    assert one.missing == []


def test_what_neither_git_nor_dvc_has_is_said(project: Path, tmp_path: Path) -> None:
    write_text(project / "results/tiny/table2.md", "a table")
    git(project, "add", "results")
    git(project, "commit", "--quiet", "--message", "results only")
    _, side = resolve("HEAD", "tiny", project, tmp_path)
    assert side.rows == {}
    assert any(line.startswith("artifacts/tiny/records: neither in DVC's cache nor") for line in side.missing)


def test_a_run_is_what_mlflow_has(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {"phase": "phase2", "row": "baseline", "seed": "1", "dataset.sst": "d" * 64, "environment.cpu": "fast"}
    params = {"train.lr": "1e-05", "code": "c" * 64}
    folder = project / "artifacts/tiny/predictions/phase2/baseline-1"
    stored = StoredRun(tags, params, {"sst.accuracy": 0.5, "dev/sst.accuracy": 0.4}, folder)
    monkeypatch.setattr(read_back, "read_run", lambda run_id, root, work: stored if run_id == RUN else None)
    kind, side = resolve(RUN, "tiny", project, tmp_path)
    (run,) = side.rows["phase2", "baseline"]
    assert (kind, side.name, run.seed) == ("run", "baseline-1 (0123456)", 1)
    assert run.params == {"train.lr": "1e-05"}
    assert run.code == {"code": "c" * 64, "git_commit": "unknown", "git_dirty": "unknown", "cpu": "fast"}
    assert (run.data, run.scores) == ({"sst": "d" * 64}, {"sst.accuracy": 0.5})
    assert list(run.predictions) == ["sst"]


def test_a_name_of_two_things_must_say_which(project: Path, tmp_path: Path) -> None:
    commit(project, "first")
    git(project, "branch", "baseline")
    with pytest.raises(ValueError, match="'baseline' is ambiguous; allowed: row:baseline or rev:baseline"):
        resolve("baseline", "tiny", project, tmp_path)
    assert resolve("row:baseline", "tiny", project, tmp_path)[0] == "row"
    assert resolve("rev:baseline", "tiny", project, tmp_path)[0] == "rev"


def test_an_unknown_name_is_answered_with_what_is_allowed(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'baselin' is unknown; allowed: .* 'tiny' has results of: baseline, iter"):
        resolve("baselin", "tiny", project, tmp_path)


def test_a_revision_and_a_row_are_no_pair(project: Path, tmp_path: Path) -> None:
    commit(project, "first")
    with pytest.raises(ValueError, match="'HEAD' and 'baseline' are no pair"):
        resolve_pair("HEAD", "baseline", "tiny", project, tmp_path)
