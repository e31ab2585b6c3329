"""Collecting: every profile or one, each record held to its schema, a broken file named while the others are read."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {"../x": "a"}},
        {"metrics": {"a;b": []}},
        {"metrics": {"a": [[1e300, 0, 0.5]]}},
        {"metrics": {"a": [[0.5, 0, 0.5]]}},
        {"params": {"p" * 251: 1}},
        {"run_key": "k" * 9000},
        {"end_time": 10**30},
    ],
)
def test_what_no_store_can_hold_is_named_and_stops_nothing_else(tmp_path: Path, changes: dict) -> None:
    write_into(tmp_path, make_training("baseline", 0) | changes)
    write_into(tmp_path, make_training("baseline", 1))
    (index,), (problem,) = collect(tmp_path)
    assert f"baseline-0/record.json: {next(iter(changes))}" in problem and len(index.records) == 1
