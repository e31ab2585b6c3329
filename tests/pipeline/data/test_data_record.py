"""The run record of a data stage."""

import pytest

from pipeline.data.data_record import record_data_stage
from pipeline.runs import layout
from pipeline.runs.record import read_record


def write(root, hashes, stage="download"):
    with record_data_stage("p", stage, hashes, root) as log:
        log.params({"corpus": "sample"})
    return read_record(root / layout.data_record("p", stage) / "record.json")


def test_a_record_says_what_the_block_said(tmp_path):
    record = write(tmp_path, ["a", "b"])
    identity = {key: record[key] for key in ("kind", "profile", "phase", "row", "seed", "status")}
    assert identity == {
        "kind": "data", "profile": "p", "phase": "data", "row": "download", "seed": None, "status": "finished",
    }  # fmt: skip
    assert record["params"] == {"corpus": "sample"}
    assert list((tmp_path / layout.WORK).iterdir()) == []


def test_a_block_that_fails_leaves_the_old_record(tmp_path):
    before = write(tmp_path, ["a"])
    with pytest.raises(OSError), record_data_stage("p", "download", ["b"], tmp_path):
        raise OSError("disk full")
    assert read_record(tmp_path / layout.data_record("p", "download") / "record.json") == before
    assert write(tmp_path, ["b"])["run_key"] != before["run_key"]  # what it left does not stand in the way
