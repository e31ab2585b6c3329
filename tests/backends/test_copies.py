"""Copies of one run that left different results in the DVC remote: an error on one kind of processor, else a note."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.engine.cluster import LEFT_OUT
from pipeline.engine.graph import Graph
from pipeline.engine.node import perform
from pipeline.runs import layout
from tests.graph.project import Project
from tests.tiny import PROFILE

PLACE = (PROFILE, "part1", "sst_pretrain", 0)
INPUTS = (f"download@{PROFILE}", f"tokenize@{PROFILE}", f"plan@{PROFILE}")
STAGES = (f"part1@{PROFILE}-sst-pretrain-0", f"eval_part1@{PROFILE}-sst-pretrain-0")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A planned project with a DVC remote that has its inputs."""
    root = tmp_path_factory.mktemp("copies") / "project"
    root.mkdir()
    project = Project.build(root)
    project.dvc("remote", "add", "--default", "--local", "shared", str(root.parent / "remote"))
    project.dvc("repro", f"plan@{PROFILE}")
    project.dvc("push", *INPUTS)
    return project


def order(project: Project, snapshot: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Have a machine whose home is `home` do the run; `snapshot` is what Ray would give it of the project."""
    monkeypatch.chdir(project.root)
    with Graph(project.root, is_shared=True) as graph:
        inputs = {name: graph.describe(name) for name in INPUTS}
    if not snapshot.exists():
        names = [name.strip("/").rpartition("/")[2] for name in LEFT_OUT]
        shutil.copytree(project.root, snapshot, ignore=shutil.ignore_patterns(*names))
    monkeypatch.chdir(snapshot)
    monkeypatch.setenv("BERTY_NODE", str(home))
    run = {"job": "job", "name": "run", "run": layout.run_file(*PLACE).as_posix(), "start": None, "inputs": inputs}
    config = (project.root / ".dvc/config.local").read_text()
    board = SimpleNamespace(put=SimpleNamespace(remote=lambda name, log: None))
    return perform(run | {"config": config, "environment": {"BERTY_THREADS": "1", "BERTY_DEVICE": "cpu"}}, board)


def leave_other_predictions(project: Project, folder: Path, cpu: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Push an entry of the same key with other predictions, from another kind of processor if `cpu` names one."""
    monkeypatch.chdir(project.root)
    with Graph(project.root, is_shared=True, cache=folder / "cache") as graph:
        assert all(graph.restore(stage) for stage in STAGES), "the machine has pushed its results"
        for path, change in (
            (layout.predictions(*PLACE) / "sst.csv", lambda text: text + "\n"),
            (layout.record_file("evaluation", *PLACE), lambda text: rename(text, cpu)),
        ):
            text = path.read_text()
            path.unlink()  # a link into the cache
            path.write_text(change(text))
        graph.save(STAGES[1])
        graph.push(STAGES[1])


def rename(text: str, cpu: str | None) -> str:
    record = json.loads(text)
    record["environment"]["cpu"] = cpu or record["environment"]["cpu"]
    return json.dumps(record | {"end_time": record["end_time"] + 1})


def test_they_are_noted_on_different_processors_and_refused_on_the_same(project, tmp_path, monkeypatch):
    first = order(project, tmp_path / "snapshot", tmp_path / "one", monkeypatch)
    assert first["code"] == 0 and first["notes"] == [], first["log"]
    again = order(project, tmp_path / "snapshot", tmp_path / "two", monkeypatch)
    assert again["entries"] == first["entries"], "from the remote: a second training has a record of its own"
    leave_other_predictions(project, tmp_path / "other", "Abacus", monkeypatch)
    noted = order(project, tmp_path / "snapshot", tmp_path / "three", monkeypatch)
    assert noted["code"] == 0 and ["Abacus" in note for note in noted["notes"]] == [True]
    leave_other_predictions(project, tmp_path / "same", None, monkeypatch)
    refused = order(project, tmp_path / "snapshot", tmp_path / "four", monkeypatch)
    assert refused["code"] == 1 and "another copy of this run gave other results" in refused["log"]
