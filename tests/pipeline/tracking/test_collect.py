"""Collecting: every profile or one, each record held to its schema, a broken file named while the others are read."""

from pathlib import Path

from pipeline.tracking.collect import collect
from tests.pipeline.tracking.synthetic import make_record, make_training, write_into


def test_one_profile_can_be_asked_for(tmp_path: Path) -> None:
    for profile in ("tiny", "other"):
        write_into(tmp_path, make_record("data", "data", "download", None, profile=profile))
    assert [index.profile for index in collect(tmp_path, "other")[0]] == ["other"]
    assert [index.profile for index in collect(tmp_path)[0]] == ["other", "tiny"]


def test_a_record_that_is_none_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    for record in (make_training("baseline", 0), make_training("baseline", 1) | {"params": {"a": [1]}}):
        write_into(tmp_path, record)
    ((index,), problems) = collect(tmp_path)
    assert [run.seed for run in index.runs] == [0]
    (problem,) = problems
    assert problem.startswith(f"{tmp_path}/artifacts/tiny/records/phase2/baseline-1/record.json: params.a")
