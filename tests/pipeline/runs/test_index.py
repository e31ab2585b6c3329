"""The index: every run with its state, local before imported, what cannot be read named, artifacts where they lie."""

import shutil
from pathlib import Path

import pytest

from pipeline.files.atomic import write_json, write_text
from pipeline.runs import layout, record_files
from pipeline.runs.events import EventLog
from pipeline.runs.index import Index, read_index, read_plan
from pipeline.runs.record import write_record
from pipeline.runs.record_files import find_artifact, is_whole

PROFILE = "tiny"
ROWS = {"part1": [], "phase1": [{"row": "r", "tasks": ["sst"]}], "phase2": [{"row": "a"}, {"row": "b"}]}
TREES = {"local": layout.artifacts, "imported": layout.imported}


def plan(root: Path, tree: layout.Tree = layout.artifacts, **changes: object) -> None:
    write_json(root / layout.plan(PROFILE, tree) / "index.json", {"profile": PROFILE, "seeds": [0]} | ROWS | changes)


def identify(kind: str, row: str, key: str) -> dict:
    return {"kind": kind, "profile": PROFILE, "phase": "phase2", "row": row, "seed": 0, "run_key": key}


def record(root: Path, kind: str, row: str, key: str, tree: str = "local", **changes: object) -> Path:
    content = identify(kind, row, key) | {
        "version": 2, "status": "finished", "start_time": 1, "end_time": 2, "params": {}, "tags": {}, "metrics": {},
        "datasets": [], "artifacts": [], "environment": {}, "replay": {},
    } | changes  # fmt: skip
    place = (content[key] for key in ("kind", "profile", "phase", "row", "seed"))
    path = root / layout.record_file(*place, TREES[tree])
    write_record(path, content)
    return path


def states(index: Index) -> list[tuple]:
    return [(run.row, run.run_key, run.state, run.is_imported, run.is_planned) for run in index.runs]


def test_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(tmp_path, phase1=[], phase2=[{"row": row} for row in ("a", "b", "c", "d", "e", "f", "g")])
    for row in "abc":
        record(tmp_path, "training", row, row, status="failed" if row == "c" else "finished")
    record(tmp_path, "evaluation", "a", "a")
    for row in "de":
        EventLog.start(tmp_path / layout.work(row) / "events.jsonl", identify("training", row, row)).close()
    record(tmp_path, "evaluation", "f", "f")
    record(tmp_path, "training", "gone", "x")
    expected = ["finished", "trained", "failed", "running", "running", "planned", "planned", "trained"]
    index = read_index(tmp_path, PROFILE)
    assert [run.state for run in index.runs] == expected
    assert [run.row for run in index.planned] == list("abcdefg")
    assert index.missing[:2] == ["eval_phase2/b-0", "phase2/c-0"]
    assert len(index.records) == 6
    monkeypatch.setattr(record_files, "SILENCE_MS", -1)
    assert [run.state for run in read_index(tmp_path, PROFILE).runs][3:5] == ["killed"] * 2


def test_a_local_record_goes_before_an_imported_one(tmp_path: Path) -> None:
    plan(tmp_path, phase1=[])
    for tree in TREES:
        record(tmp_path, "training", "a", "same", tree, end_time=len(tree))
        record(tmp_path, "training", "b", tree, tree)
    record(tmp_path, "evaluation", "a", "same", "imported")
    index = read_index(tmp_path, PROFILE)
    assert states(index) == [
        ("a", "same", "finished", False, True),
        ("b", "local", "trained", False, True),
        ("b", "imported", "trained", True, False),
    ]
    assert index.runs[0].training["end_time"] == len("local")
    assert [dict(record["tags"]) for record in index.runs[0].records] == [{}, {"imported": "true"}]


def test_the_local_plan_goes_before_the_imported_one_and_without_one_every_run_counts(tmp_path: Path) -> None:
    record(tmp_path, "training", "z", "z", "imported", tags={"imported": "false"})
    assert states(read_index(tmp_path, PROFILE)) == [("z", "z", "trained", True, True)]
    with pytest.raises(ValueError, match="artifacts/tiny/plan/index.json: no such file"):
        read_plan(tmp_path, PROFILE)
    plan(tmp_path, layout.imported, phase1=[])
    index = read_index(tmp_path, PROFILE)
    assert (index.tree, [run.row for run in index.planned]) == (layout.imported, ["a", "b"])
    plan(tmp_path, phase2=[])
    index = read_index(tmp_path, PROFILE)
    assert (index.tree, [run.row for run in index.planned]) == (layout.artifacts, ["r"])


def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    plan(tmp_path, phase2=None)
    record(tmp_path, "training", "a", "a")
    broken = tmp_path / layout.training_record(PROFILE, "phase2", "b", 0) / "record.json"
    write_text(broken, '{"version": 1}')
    astray = record(tmp_path, "training", "c", "c").rename(broken.with_name("other.json"))
    astray.rename(tmp_path / layout.training_record(PROFILE, "phase2", "c", 0) / "record.json")
    write_text(tmp_path / layout.evaluation_record(PROFILE, "phase2", "c", 0) / "record.json", astray.name)
    stray = tmp_path / layout.training_record(PROFILE, "phase2", "d", 0) / "record.json"
    stray.parent.mkdir(parents=True)
    stray.write_bytes((tmp_path / layout.training_record(PROFILE, "phase2", "a", 0) / "record.json").read_bytes())
    (tmp_path / layout.training_record(PROFILE, "phase2", "e", 0) / "record.json").mkdir(parents=True)  # an OSError
    index = read_index(tmp_path, PROFILE)
    assert [run.row for run in index.runs] == ["a", "c"]
    named = [problem.split(":")[0].removeprefix(f"{tmp_path}/artifacts/tiny/") for problem in index.problems]
    assert named == [
        "plan/index.json", "records/eval_phase2/c-0/record.json", "records/phase2/b-0/record.json",
        "records/phase2/d-0/record.json", "[Errno 21] Is a directory",
    ]  # fmt: skip
    assert str(stray.parent.with_name("e-0") / "record.json") in index.problems[-1]
    assert "index.json: not plan's index" in index.problems[0]
    faulty = read_index(tmp_path, PROFILE, lambda record: ["params: wrong"] if record["row"] == "a" else [])
    assert [run.row for run in faulty.runs] == ["c"]


@pytest.mark.parametrize("tree", TREES)
def test_artifacts_and_folders_lie_in_the_records_own_tree(tmp_path: Path, tree: str) -> None:
    name = f"artifacts/{PROFILE}/predictions/phase2/a-0/sst.csv"
    record(tmp_path, "training", "a", "a", tree)
    record(tmp_path, "evaluation", "a", "a", tree, artifacts=[name])
    (run,) = read_index(tmp_path, PROFILE).runs
    home = tmp_path / TREES[tree](PROFILE)
    assert (run.model, run.record_folder) == (home / "phase2/a-0", home / "records/phase2/a-0")
    assert run.predictions is None and not is_whole(run.evaluation, tmp_path)
    write_text(home / "predictions/phase2/a-0/sst.csv", "")
    assert run.predictions == home / "predictions/phase2/a-0" and is_whole(run.evaluation, tmp_path)
    for bad in ("/etc/passwd", "results/tiny/x.csv", f"artifacts/{PROFILE}/../x", "artifacts/other/x"):
        with pytest.raises(ValueError, match="allowed: a path below artifacts/tiny/"):
            find_artifact(bad, run.evaluation, tmp_path)


def test_what_a_killed_process_was_writing_is_no_record(tmp_path: Path) -> None:
    true = record(tmp_path, "training", "a", "1")
    left = true.parent.with_name(f".{true.parent.name}.1.tmp")
    shutil.copytree(true.parent, left)
    assert list(record_files.list_record_files(tmp_path, PROFILE)) == [(true, layout.artifacts)]


@pytest.mark.parametrize("name", ["/etc/hostname", "artifacts/tiny/../../secret", "secret", "artifacts/tiny/data/link"])
def test_an_imported_record_names_nothing_but_what_was_imported(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / "secret", "a token")
    link = tmp_path / layout.imported(PROFILE) / "data/link"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "secret")
    path = record(tmp_path, "data", "tokenize", "k", "imported", phase="data", seed=None, artifacts=[name])
    index = read_index(tmp_path, PROFILE)
    assert index.records == [] and len(index.problems) == 1
    assert index.problems[0].startswith(f"{path}: artifact {name}: ")
