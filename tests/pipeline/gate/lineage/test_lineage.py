"""Lineage: every hash of a model's making is found to hold, and a changed one is named."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from pipeline.gate import lineage_code as code
from pipeline.gate.lineage import Fact, trace
from pipeline.gate.lineage_code import check_code
from pipeline.runs.code import digest_definitions
from pipeline.training.begin import train
from stages import lineage
from tests.pipeline.gate.difference.conftest import git
from tests.tiny import ENCODER, PROFILE, TinyProject, build_tiny_project

MODEL = Path(f"artifacts/{PROFILE}/phase2/iteration_2-0")
RECIPE = Path(f"artifacts/{PROFILE}/phase1/sst_then_sts-0")
RECORD = Path(f"artifacts/{PROFILE}/records/phase2/iteration_2-0")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny project with iteration_2 trained from what its phase-1 recipe left; copied, never changed."""
    project: TinyProject = build_tiny_project(tmp_path_factory.mktemp("lineage"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        patch.setenv("BERTY_DEVICE", "cpu")
        project.plan()
        train(project.run("phase1", "sst_then_sts"))
        train(project.start("iteration_2"))
    return project.root


@pytest.fixture
def trained(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    root = tmp_path / "project"
    shutil.copytree(template, root)
    monkeypatch.chdir(root)
    return root


def broken(facts: list[Fact]) -> list[tuple[int, str]]:
    return [(fact.depth, fact.name) for fact in facts if fact.holds is False]


def append(path: Path) -> None:
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b"\n")


def test_everything_of_an_untouched_model_holds(trained: Path) -> None:
    facts = list(trace(MODEL, trained))
    assert broken(facts) == []
    holding = {(fact.depth, fact.name) for fact in facts if fact.holds}
    data = {f"data {task}-{split}" for task in ("sst", "para", "sts") for split in ("train", "dev")}
    own = {"weights", "run key", "encoder tiny_random", "its config", "start: recipe sst_then_sts"}
    assert {(0, name) for name in (*data, *own, "quora-train.csv")} <= holding
    assert {(1, name) for name in ("weights", "run key", "data sst-train")} <= holding
    said = {fact.name: fact.value for fact in facts if fact.depth == 0}
    assert {"training code", "commit", "versions", "machine", "command"} <= said.keys()
    assert said["plan"] == "asks for this very run"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (MODEL / "weights.safetensors", [(0, "weights")]),
        (RECORD / "run.json", [(0, "run key")]),
        (RECIPE / "weights.safetensors", [(0, "start: recipe sst_then_sts"), (1, "weights")]),
        (Path(f"artifacts/{PROFILE}/encoders/{ENCODER}/config.json"), [(0, "its config"), (1, "its config")]),
        (Path(f"artifacts/{PROFILE}/corpus/sts-dev.csv"), [(0, "sts-dev.csv")]),
    ],
)
def test_a_changed_file_is_named(trained: Path, path: Path, expected: list[tuple[int, str]]) -> None:
    append(trained / path)
    assert broken(list(trace(MODEL, trained))) == expected


def test_changed_tokens_are_named_where_they_were_used(trained: Path) -> None:
    append(
        next(path for path in (trained / f"artifacts/{PROFILE}/tokens/{ENCODER}/para/dev").iterdir() if path.is_file())
    )
    assert broken(list(trace(MODEL, trained))) == [(0, "data para-dev")]


def test_what_is_not_here_is_no_failure(trained: Path) -> None:
    shutil.rmtree(trained / f"artifacts/{PROFILE}/tokens")
    shutil.rmtree(trained / f"artifacts/{PROFILE}/corpus")
    facts = list(trace(MODEL, trained))
    assert broken(facts) == []
    assert all(fact.why.endswith("is not here") for fact in facts if fact.name == "data sst-dev")


def test_a_plan_that_has_moved_on_is_said(trained: Path) -> None:
    append(trained / f"artifacts/{PROFILE}/plan/runs/phase2/iteration_2-0.json")
    facts = list(trace(MODEL, trained))
    assert broken(facts) == []
    assert "asks for another run by now" in [fact.value for fact in facts]


def test_the_stage_fails_where_a_hash_does_not_hold(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lineage", str(MODEL)])
    run_key = json.loads((MODEL / "model.json").read_text())["run_key"]
    assert lineage.main() == 0
    assert f"ok run key                         {run_key}" in capsys.readouterr().out
    append(MODEL / "weights.safetensors")
    assert lineage.main() == 1
    assert "NO weights" in capsys.readouterr().out


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two commits of a project at `tmp_path` with seven functions, all of them changed in the second."""
    monkeypatch.setattr(code, "entries_of_run", lambda run: ["model.bert"])
    (tmp_path / "model").mkdir()
    git(tmp_path, "init", "--quiet")
    commits = []
    for text in ("one", "two"):
        lines = [f"def {name}():  # {text}\n    return '{text}'\n" for name in "abcdefg"]
        (tmp_path / "model/bert.py").write_text("".join(lines))
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", text)
        commits.append(git(tmp_path, "rev-parse", "HEAD"))
    return commits


def test_code_is_looked_for_at_the_commit_that_it_ran_at(tmp_path: Path, commits: list[str]) -> None:
    second = {"code": digest_definitions(["model.bert"], tmp_path)}
    assert check_code(second, commits[0], "false", tmp_path) == (True, "this checkout's")
    git(tmp_path, "checkout", "--quiet", commits[0])
    assert check_code(second, commits[1], "false", tmp_path)[0] is True
    assert check_code(second, commits[0], "false", tmp_path)[0] is False
    assert check_code(second, commits[0], "true", tmp_path)[0] is None
    assert check_code(second, "0" * 40, "false", tmp_path)[0] is None


def test_what_differs_is_named(tmp_path: Path, commits: list[str]) -> None:
    first = {"code": digest_definitions(["model.bert"], tmp_path)}
    path = tmp_path / "model/bert.py"
    path.write_text(path.read_text().replace("def b():  # two", "def b():").replace("def c():", "def c(x):"))
    assert "(other: model.bert.c)" in check_code(first, commits[1], "false", tmp_path)[1]
    git(tmp_path, "checkout", "--quiet", "--force", commits[0])
    said = check_code(first, commits[1], "false", tmp_path)[1]
    assert "model.bert.e ... 7 in all" in said and "model.bert.f" not in said
    path.write_text("def a(:\n")
    assert "bert.py: " in check_code(first, commits[1], "false", tmp_path)[1]
