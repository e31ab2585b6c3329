"""Collecting: local before imported, a broken file named while the others are read."""

from pathlib import Path

import pytest

from pipeline.runs.record import write_record
from pipeline.tracking.collect import collect_records
from tests.pipeline.tracking.synthetic import make_evaluation, make_record, make_training, write_into

IMPORTED = "results/tiny/imported"


@pytest.mark.parametrize(
    ("place", "imported"),
    [
        ("artifacts/tiny/records/part1/sst_pretrain-0", False),
        ("artifacts/tiny/records/eval_part1/sst_pretrain-0", False),
        ("artifacts/tiny/summary", False),
        (f"{IMPORTED}/records/part1/sst_pretrain-0", True),
        (f"{IMPORTED}/summary", True),
    ],
)
def test_records_are_found_where_they_lie(tmp_path: Path, place: str, imported: bool) -> None:
    write_record(tmp_path / place / "record.json", make_training("baseline", 0))
    found, problems = collect_records(tmp_path)
    assert problems == []
    assert [folder for _, folder in found] == [tmp_path / place]
    assert [record["tags"].get("imported") for record, _ in found] == ["true" if imported else None]


def test_a_local_record_goes_before_an_imported_one(tmp_path: Path) -> None:
    local, far = make_training("baseline", 0), make_training("baseline", 0) | {"end_time": 1}
    write_record(tmp_path / IMPORTED / "records/phase2/baseline-0/record.json", far)
    write_record(tmp_path / IMPORTED / "records/eval_phase2/baseline-0/record.json", make_evaluation("baseline", 0))
    write_into(tmp_path, local)
    found, _ = collect_records(tmp_path)
    assert [(record["kind"], record["end_time"]) for record, _ in found if record["kind"] == "training"] == [
        ("training", local["end_time"])
    ]
    assert sorted(record["kind"] for record, _ in found) == ["evaluation", "training"]


def test_one_profile_can_be_asked_for(tmp_path: Path) -> None:
    for profile in ("tiny", "other"):
        write_into(tmp_path, make_record("data", "data", "download", None, profile=profile))
    assert [record["profile"] for record, _ in collect_records(tmp_path, "other")[0]] == ["other"]
    assert len(collect_records(tmp_path)[0]) == 2


def test_a_broken_record_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    write_into(tmp_path, make_training("baseline", 0))
    broken = tmp_path / "artifacts/tiny/records/phase2/baseline-1/record.json"
    broken.parent.mkdir()
    broken.write_text('{"version": 1}')
    found, problems = collect_records(tmp_path)
    assert [record["row"] for record, _ in found] == ["baseline"]
    assert len(problems) == 1
    assert str(broken) in problems[0]
