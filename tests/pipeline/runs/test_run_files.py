"""Run files and start files, read: who a run is, its key, and what is refused."""

import json

import pytest

from pipeline.files.atomic import read_json, write_json
from pipeline.files.digest import hash_bytes
from pipeline.runs import layout
from pipeline.runs.neutral import fill_neutral
from pipeline.runs.run_files import read_run

SPEC = {
    "profile": "p", "phase": "part1", "row": "sst_finetune", "seed": 3, "schedule": [], "tasks": {}, "train": {},
}  # fmt: skip


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(**keys):
    spec = SPEC | keys
    path = layout.run_file(spec["profile"], spec["phase"], spec["row"], spec["seed"])
    write_json(path, spec)
    return path


def test_a_run_is_what_its_file_says():
    path = write()
    run = read_run(path)
    assert run.place == ("p", "part1", "sst_finetune", 3)
    assert (run.spec, run.start, run.start_path) == (fill_neutral(SPEC), None, None)
    assert run.key == hash_bytes(path.read_bytes())
    assert run.identity("training") == {
        "kind": "training", "profile": "p", "phase": "part1", "row": "sst_finetune", "seed": 3, "run_key": run.key,
    }  # fmt: skip


def test_the_key_of_phase_2_is_of_both_files():
    path, keys = write(phase="phase2", row="iteration_1"), set()
    for sha256 in ("0", "1"):
        write_json(layout.start_file("p", "iteration_1", 3), {"kind": "encoder", "sha256": sha256})
        run = read_run(path)
        assert run.start == {"kind": "encoder", "sha256": sha256}
        assert run.key == hash_bytes(path.read_bytes() + run.start_path.read_bytes())
        keys.add(run.key)
    write(phase="phase2", row="iteration_1", train={"eps": 0.1})
    keys.add(read_run(path).key)
    assert len(keys) == 3


def test_a_phase_2_run_without_its_start_file_is_refused():
    path = write(phase="phase2", row="iteration_1")
    with pytest.raises(
        ValueError, match=rf"{path}: its start file: artifacts/p/starts/iteration_1-3\.json: no such file"
    ):
        read_run(path)


@pytest.mark.parametrize("key", SPEC)
def test_a_file_without_a_key_of_runs_is_named(key):
    path = write()
    spec = read_json(path)
    del spec[key]
    write_json(path, spec)
    with pytest.raises(ValueError, match=rf"sst_finetune-3\.json: not a run file: {key}: missing"):
        read_run(path)


def test_a_file_that_is_missing_or_no_json_is_named():
    with pytest.raises(ValueError, match=r"gone\.json: no such file"):
        read_run("gone.json")
    path = write()
    path.write_text(json.dumps(SPEC)[:-5])
    with pytest.raises(ValueError, match=r"sst_finetune-3\.json: not a JSON file"):
        read_run(path)
