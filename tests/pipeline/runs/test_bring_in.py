"""Bringing an archive in: places and marks, nothing half done, nothing overwritten unasked, the same again nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.files.atomic import read_json, write_json, write_text
from pipeline.runs.bring_in import import_archive
from pipeline.runs.record import read_record, write_record
from pipeline.tracking.collect import collect_records

RESULTS = Path("results/tiny")
IMPORTED = RESULTS / "imported"
RUN = "records/phase2/iteration_3-0"
Pack = Callable[..., Path]


def snapshot() -> dict[str, tuple[bytes, int]]:
    """Content and inode of every file below the working directory: a file that was written again shows."""
    files = [path for path in Path().rglob("*") if path.is_file()]
    return {path.as_posix(): (path.read_bytes(), path.stat().st_ino) for path in files}


def test_everything_comes_to_its_place(
    pack: Pack, done_project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack()
    monkeypatch.chdir(home)
    imported = import_archive(archive)
    assert (imported.profile, imported.missing, imported.has_report) == ("tiny", [], True)
    files = [path for path in Path().rglob("*") if path.is_file()]
    assert len(files) == imported.num_files == 26
    for name in ("table2.md", "figure3.png", "metrics.json", "predictions/phase2/iteration_3-0/sts.csv"):
        assert (RESULTS / name).read_bytes() == (done_project / RESULTS / name).read_bytes()
    for name in ("plan/index.json", *(f"{RUN}/{file}" for file in ("run.json", "start.json", "history.csv"))):
        assert (IMPORTED / name).read_bytes() == (done_project / "artifacts/tiny" / name).read_bytes()


def test_the_records_are_found_and_marked(
    pack: Pack, done_project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack()
    monkeypatch.chdir(home)
    import_archive(archive)
    found, problems = collect_records(home, "tiny")
    assert problems == []
    assert sorted(record["kind"] for record, _ in found) == ["evaluation"] * 3 + ["summary"] + ["training"] * 3
    marked = read_record(IMPORTED / RUN / "record.json")
    original = read_record(done_project / "artifacts/tiny" / RUN / "record.json")
    assert marked == original | {"tags": original["tags"] | {"imported": "true"}}
    assert marked["environment"] == {"cpu": "far away"}
    for path in IMPORTED.rglob("record.json"):
        assert read_record(path)["tags"]["imported"] == "true"


def test_the_same_again_changes_nothing(pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack()
    monkeypatch.chdir(home)
    import_archive(archive)
    before = snapshot()
    for replace in (False, True):
        assert import_archive(archive, replace).num_files == 0
        assert snapshot() == before


def test_a_later_archive_adds_to_an_earlier_one(pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early = pack(num_done=4).rename(home.parent / "early.tar.gz")
    late = pack()
    monkeypatch.chdir(home)
    imported = import_archive(early)
    assert imported.missing == ["phase2/iteration_3-0", "eval_phase2/iteration_3-0"]
    assert not imported.has_report
    imported = import_archive(late)
    assert (imported.missing, imported.has_report, imported.num_files) == ([], True, 13)
    before = snapshot()
    assert import_archive(early).num_files == 0
    assert snapshot() == before


@pytest.mark.parametrize("held", [RESULTS / "table2.md", IMPORTED / RUN / "record.json"])
def test_other_content_is_refused_and_named_unless_it_may_be_replaced(
    pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch, held: Path
) -> None:
    archive = pack()
    monkeypatch.chdir(home)
    import_archive(archive)
    good = {name: content for name, (content, _) in snapshot().items()}
    write_text(held, "ours")
    write_text(RESULTS / "predictions/phase2/gone-0/sst.csv", "of a row that is no more")
    write_text(RESULTS / "data.md", "the data report")
    before = snapshot()
    with pytest.raises(ValueError, match=f"{RESULTS}: holds other content than .*{held.relative_to(RESULTS)}"):
        import_archive(archive)
    assert snapshot() == before
    assert import_archive(archive, replace=True).num_files == 1
    expected = good | {"results/tiny/data.md": b"the data report"}
    assert {name: content for name, (content, _) in snapshot().items()} == expected


def test_files_of_ours_that_the_archive_lacks_stay(pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack()
    monkeypatch.chdir(home)
    write_text(RESULTS / "data.md", "the data report")
    import_archive(archive)
    assert (RESULTS / "data.md").read_text() == "the data report"


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("fault", ["archive", "record", "index", "summary"])
def test_an_archive_with_a_fault_changes_nothing(
    pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch, fault: str, replace: bool
) -> None:
    good = pack().rename(home.parent / "good.tar.gz")
    if fault == "record":
        path = Path("artifacts/tiny", RUN, "record.json")
        write_record(path, read_record(path) | {"run_key": "b" * 64})
    elif fault == "index":
        write_json(Path("artifacts/tiny/plan/index.json"), [])
    elif fault == "summary":
        index = Path("artifacts/tiny/plan/index.json")
        write_json(index, read_json(index) | {"seeds": [0, 1]})
    bad = pack()
    if fault == "archive":
        bad.write_bytes(bad.read_bytes()[:-20])
    monkeypatch.chdir(home)
    import_archive(good)
    write_text(RESULTS / "table2.md", "ours")
    before = snapshot()
    with pytest.raises(ValueError, match=f"{bad}: "):
        import_archive(bad, replace)
    assert snapshot() == before


def test_a_failure_while_writing_leaves_what_was_there(pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack()
    monkeypatch.chdir(home)
    write_text(RESULTS / "data.md", "the data report")
    before = snapshot()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("pipeline.runs.bring_in._copy", fail)
    with pytest.raises(OSError, match="disk full"):
        import_archive(archive)
    assert snapshot() == before
