"""What is packed, and that records, run files and results of an archive belong together."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.engine.offline import Outcome, read_commands
from pipeline.files.atomic import read_json, write_json, write_text
from pipeline.runs import layout
from pipeline.runs.archive import read_archive, write_archive
from pipeline.runs.contents import find_missing, list_files, read_index, read_records
from pipeline.runs.record import read_record, write_record
from tests.pipeline.runs.synthetic import PROFILE, make_index, make_record, make_run

TRAINED = "artifacts/tiny/records/phase2/iteration_3-0"
EVALUATED = "artifacts/tiny/records/eval_phase2/iteration_3-0/record.json"
PREDICTIONS = "results/tiny/predictions/phase2/iteration_3-0/sts.csv"
SUMMARY = "artifacts/tiny/summary/record.json"
Pack = Callable[..., Path]


def names(num_done: int) -> list[str]:
    commands = tuple(read_commands(PROFILE))
    files = list_files(PROFILE, Outcome(commands[:num_done], len(commands)))
    return sorted(file.as_posix().removeprefix("artifacts/tiny/") for file in files)


PLAN = [
    "plan/index.json", "plan/runs/part1/sst_pretrain-0.json", "plan/runs/phase1/sst_then_sts-0.json",
    "plan/runs/phase2/iteration_3-0.json",
]  # fmt: skip


def test_only_what_is_done_is_packed_and_no_weights(done_project: Path) -> None:
    assert names(0) == PLAN
    part1 = [f"records/part1/sst_pretrain-0/{name}" for name in ("history.csv", "record.json", "run.json")]
    assert names(1) == [*PLAN, *part1]
    evaluation = ["records/eval_part1/sst_pretrain-0/record.json", *part1]
    assert names(2) == [*PLAN, *evaluation, "results/tiny/predictions/part1/sst_pretrain-0/sst.csv"]
    assert not [name for name in names(7) if "summary" in name or "table" in name]
    rest = [f"results/tiny/{name}" for name in ("figure3.png", "metrics.json", "table2.csv", "table2.md")]
    assert sorted(set(names(8)) - set(names(7))) == [*rest, "summary/record.json"]
    assert not [name for name in names(8) if "weights" in name or "starts" in name]


def test_the_records_of_the_data_come_along_without_its_report(pack: Pack) -> None:
    identity = {"kind": "data", "profile": PROFILE, "phase": "data", "row": "tokenize", "seed": None, "run_key": "k"}
    write_text(Path("results/tiny/data.md"), "report")
    path = layout.data_record(PROFILE, "tokenize") / "record.json"
    write_record(path, make_record(identity, artifacts=["results/tiny/data.md"]))
    assert set(names(0)) - set(PLAN) == {"records/data/tokenize/record.json"}
    assert path.as_posix() in read_records(read_archive(pack()))


def test_a_whole_archive_passes(pack: Pack) -> None:
    archive = read_archive(pack())
    assert read_index(archive)["profile"] == PROFILE
    assert len(read_records(archive)) == 7


def change_record(path: str, **changes: object) -> None:
    write_record(Path(path), read_record(Path(path)) | changes)


TAMPERINGS: dict[str, tuple[Callable[[], None], str, str]] = {
    "run key of a training": (lambda: change_record(f"{TRAINED}/record.json", run_key="a" * 64), TRAINED, "run_key"),
    "run key of an evaluation": (lambda: change_record(EVALUATED, run_key="a" * 64), EVALUATED, "run_key: not that of"),
    "start file": (lambda: write_json(Path(TRAINED, "start.json"), {}), TRAINED, "run.json and start.json"),
    "run file beside the record": (
        lambda: write_json(Path(TRAINED, "run.json"), make_run("phase2", 0, train={"lr": 1})),
        TRAINED,
        "run_key",
    ),
    "run file of plan": (
        lambda: write_json(layout.run_file(PROFILE, "phase2", "iteration_3", 0), make_run("phase2", 0, x=1)),
        TRAINED,
        "is not artifacts/tiny/plan/runs/phase2/iteration_3-0.json",
    ),
    "place": (lambda: change_record(EVALUATED, row="iteration_2"), EVALUATED, "of artifacts/tiny/records/eval_phase2"),
    "profile": (lambda: change_record(SUMMARY, profile="other"), SUMMARY, "of artifacts/other/summary"),
    "status": (lambda: change_record(EVALUATED, status="failed"), EVALUATED, "status: 'failed'"),
    "no record": (lambda: write_json(Path(EVALUATED), {"version": 1, "artifacts": []}), EVALUATED, "kind: missing"),
    "no JSON": (lambda: write_text(Path(TRAINED, "run.json"), "{"), f"{TRAINED}/run.json", "not a JSON file"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_does_not_belong_together_is_named(done_project: Path, name: str) -> None:
    tamper, where, message = TAMPERINGS[name]
    files = list_files(PROFILE, Outcome(tuple(read_commands(PROFILE)), 8))
    tamper()
    archive = done_project.parent / "offline.tar.gz"
    write_archive(archive, PROFILE, files, 8, 8)
    with pytest.raises(ValueError, match=f"{archive}: {where}") as caught:
        read_records(read_archive(archive))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("lost", "where", "message"),
    [
        (PREDICTIONS, EVALUATED, f"names {PREDICTIONS}, which is missing"),
        (f"{TRAINED}/run.json", TRAINED, f"{TRAINED}/run.json"),
        (f"{TRAINED}/start.json", TRAINED, f"{TRAINED}/start.json"),
        (f"{TRAINED}/record.json", EVALUATED, f"run_key: not that of {TRAINED}/record.json"),
        (EVALUATED, "results/tiny/predictions/phase2/iteration_3-0/para.csv", "no record names it"),
        (SUMMARY, "results/tiny/figure3.png", "no record names it"),
    ],
)
def test_what_a_record_needs_and_what_none_names(pack: Pack, lost: str, where: str, message: str) -> None:
    archive = pack(without=(lost,))
    with pytest.raises(ValueError, match=f"{archive}: {where}") as caught:
        read_records(read_archive(archive))
    assert message in str(caught.value)


def test_a_training_needs_its_run_file_also_where_its_record_does_not_say_so(pack: Pack) -> None:
    change_record(f"{TRAINED}/record.json", artifacts=[])
    archive = pack(without=(f"{TRAINED}/run.json",))
    with pytest.raises(ValueError, match=f"{archive}: {TRAINED}/record.json: {TRAINED}/run.json is missing"):
        read_records(read_archive(archive))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"profile": "other"}, "profile: not 'tiny'"),
        ({"phase2": None}, "phase2: allowed: a list"),
        ({"phase1": ["sst_then_sts"]}, "allowed: rows with a name"),
        ({"phase1": [{"row": 1}]}, "allowed: rows with a name"),
        ({"seeds": ["0"]}, "seeds: allowed: whole numbers"),
    ],
)
def test_an_index_that_is_none_is_named(pack: Pack, change: dict, message: str) -> None:
    path = layout.plan(PROFILE) / "index.json"
    write_json(path, read_json(path) | change)
    with pytest.raises(ValueError, match=f"{path}: {message}"):
        read_index(read_archive(pack()))


def test_a_missing_index_is_named(pack: Pack) -> None:
    with pytest.raises(ValueError, match="plan/index.json: missing"):
        read_index(read_archive(pack(without=("artifacts/tiny/plan/index.json",))))


def test_missing_runs_are_those_of_every_row_and_seed() -> None:
    there = {"artifacts/tiny/records/part1/sst_pretrain-0/record.json"}
    missing = find_missing(make_index((0, 1)), PROFILE, lambda path: path.as_posix() in there)
    assert missing == [
        "eval_part1/sst_pretrain-0", "phase1/sst_then_sts-0", "eval_phase1/sst_then_sts-0", "phase2/iteration_3-0",
        "eval_phase2/iteration_3-0", "part1/sst_pretrain-1", "eval_part1/sst_pretrain-1", "phase1/sst_then_sts-1",
        "eval_phase1/sst_then_sts-1", "phase2/iteration_3-1", "eval_phase2/iteration_3-1",
    ]  # fmt: skip
