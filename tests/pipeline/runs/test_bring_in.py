"""Bringing an archive in: only what belongs together, nothing half done, nothing overwritten unasked."""

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from pipeline.engine.offline import Outcome, read_commands
from pipeline.files.atomic import read_json, write_json, write_text
from pipeline.runs import layout
from pipeline.runs.archive import list_files, write_archive
from pipeline.runs.bring_in import import_archive
from pipeline.runs.index import read_index
from pipeline.runs.record import read_record, write_record
from tests.pipeline.runs.synthetic import PROFILE, make_record

IMPORTED, HERE = layout.imported(PROFILE), layout.artifacts(PROFILE)
TRAINED = "records/phase2/iteration_3-0"
EVALUATED = "records/eval_phase2/iteration_3-0/record.json"
PREDICTIONS = "predictions/phase2/iteration_3-0/sts.csv"
Pack = Callable[..., Path]


@pytest.fixture
def archive(pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that was done; the working folder is the empty project that it comes to."""
    path = pack()
    monkeypatch.chdir(home)
    return path


def snapshot() -> dict[str, tuple[bytes, int]]:
    """Content and inode of every file below the working directory: a file that was written again shows."""
    files = [path for path in Path().rglob("*") if path.is_file()]
    return {path.as_posix(): (path.read_bytes(), path.stat().st_ino) for path in files}


def test_everything_comes_to_its_place_as_it_was(archive: Path, done_project: Path) -> None:
    imported = import_archive(archive)
    files = [path.relative_to(IMPORTED) for path in Path().rglob("*") if path.is_file()]
    assert (imported.profile, imported.num_files, imported.missing) == (PROFILE, len(files), [])
    assert {file.parts[0] for file in files} == {"plan", "records", "predictions"}
    assert all((IMPORTED / file).read_bytes() == (done_project / HERE / file).read_bytes() for file in files)
    index = read_index(Path(), PROFILE)
    assert [(run.state, run.is_imported) for run in index.planned] == [("finished", True)] * 3
    assert index.planned[2].predictions == IMPORTED / "predictions/phase2/iteration_3-0"


def test_the_same_again_changes_nothing(archive: Path) -> None:
    import_archive(archive)
    before = snapshot()
    for replace in (False, True):
        assert import_archive(archive, replace=replace).num_files == 0
        assert snapshot() == before


def test_a_later_archive_adds_to_an_earlier_one(pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early = pack(num_done=4).rename(home.parent / "early.tar.gz")
    late = pack()
    monkeypatch.chdir(home)
    assert import_archive(early).missing == ["phase2/iteration_3-0", "eval_phase2/iteration_3-0"]
    assert import_archive(late).missing == []
    before = snapshot()
    assert import_archive(early).num_files == 0
    assert snapshot() == before


def test_of_two_at_once_neither_loses_what_it_brings(pack: Pack, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early = pack(num_done=4).rename(home.parent / "early.tar.gz")
    late = pack()
    monkeypatch.chdir(home)
    second = Thread(target=import_archive, args=[late])
    copyfile = shutil.copyfile

    def begin_second(source: Path, target: Path) -> None:
        """The first one has looked at what is there, and has not put its own in the place of it."""
        if not second.ident:
            second.start()
            second.join(0.5)  # in which it would be done
        copyfile(source, target)

    monkeypatch.setattr("shutil.copyfile", begin_second)
    import_archive(early)
    second.join()
    assert read_index(Path(), PROFILE).missing == []


def test_other_content_is_refused_and_named_unless_it_may_be_replaced(archive: Path) -> None:
    import_archive(archive)
    good = {name: content for name, (content, _) in snapshot().items()}
    write_text(IMPORTED / TRAINED / "history.csv", "ours")
    write_text(IMPORTED / "predictions/phase2/gone-0/sst.csv", "of a row that is no more")
    write_text(layout.results(PROFILE) / "table2.md", "a table")
    before = snapshot()
    with pytest.raises(ValueError, match=f"{IMPORTED}: holds other content than .*{TRAINED}/history.csv"):
        import_archive(archive)
    assert snapshot() == before
    assert import_archive(archive, replace=True).num_files == 1
    expected = good | {"results/tiny/table2.md": b"a table"}
    assert {name: content for name, (content, _) in snapshot().items()} == expected


def test_a_failure_while_writing_leaves_what_was_there(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(IMPORTED / "data/data.md", "the data report")
    before = snapshot()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("shutil.copyfile", fail)
    with pytest.raises(OSError, match="disk full"):
        import_archive(archive)
    assert snapshot() == before


def change(name: str, **changes: object) -> None:
    write_record(HERE / name, read_record(HERE / name) | changes)


TAMPERINGS: dict[str, tuple[Callable[[], None], str, str]] = {
    "run key of a training": (lambda: change(f"{TRAINED}/record.json", run_key="a" * 64), TRAINED, "run_key"),
    "run key of an evaluation": (lambda: change(EVALUATED, run_key="a" * 64), EVALUATED, "run_key: of a training"),
    "start file": (lambda: write_json(HERE / TRAINED / "start.json", {}), TRAINED, "run.json and start.json"),
    "run file": (lambda: write_json(HERE / TRAINED / "run.json", {}), TRAINED, "run_key"),
    "place": (lambda: change(EVALUATED, row="iteration_2"), EVALUATED, "are those of .*eval_phase2/iteration_2-0"),
    "status": (lambda: change(EVALUATED, status="failed"), EVALUATED, "status: 'failed'"),
    "types": (lambda: change(EVALUATED, tags={"a": 1}), EVALUATED, "tags.a"),
    "an artifact elsewhere": (lambda: change(EVALUATED, artifacts=["results/tiny/x.csv"]), EVALUATED, "below"),
    "index": (lambda: write_json(HERE / "plan/index.json", []), "plan/index.json", "valid dictionary"),
    "more runs than anybody has": (
        lambda: write_json(HERE / "plan/index.json", read_json(HERE / "plan/index.json") | {"seeds": [0] * 5000}),
        "plan/index.json", "allowed: 10000 runs",
    ),
    "more faults than anybody reads": (
        lambda: change(EVALUATED, tags={f"{place};": "" for place in range(20_000)}),
        EVALUATED, "tags: more than 10000 keys$",
    ),
    "a name that no folder can have": (
        lambda: write_json(HERE / "plan/index.json", read_json(HERE / "plan/index.json") | {"profile": "9" * 300}),
        "plan/index.json", "profile: .*at most 100",
    ),
    "index of another": (
        lambda: write_json(HERE / "plan/index.json", read_json(HERE / "plan/index.json") | {"profile": "other"}),
        "records/", "are those of .*results/tiny",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_does_not_belong_together_changes_nothing(pack: Pack, home: Path, name: str) -> None:
    tamper, where, message = TAMPERINGS[name]
    good = pack().rename(home.parent / "good.tar.gz")
    assert import_archive(good, home).missing == []
    bad, outcome = home.parent / "bad.tar.gz", Outcome(tuple(read_commands(PROFILE)), 8)
    files = list_files(PROFILE, outcome.record_files)
    tamper()
    write_archive(bad, PROFILE, files)
    before = sorted((path, path.read_bytes()) for path in home.rglob("*") if path.is_file())
    for replace in (False, True):
        with pytest.raises(ValueError, match=f"^{bad}: {where}.*{message}"):
            import_archive(bad, home, replace)
    assert sorted((path, path.read_bytes()) for path in home.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize(
    ("lost", "where", "message"),
    [
        (PREDICTIONS, EVALUATED, "which is missing"),
        (f"{TRAINED}/history.csv", f"{TRAINED}/record.json", "which is missing"),
        (f"{TRAINED}/record.json", EVALUATED, "of a training that is not there"),
        (EVALUATED, "predictions/phase2/iteration_3-0/para.csv", "no record names it"),
        ("plan/index.json", "plan/index.json", "no such file"),
    ],
)
def test_what_a_record_needs_and_what_none_names(pack: Pack, home: Path, lost: str, where: str, message: str) -> None:
    archive = pack(without=((HERE / lost).as_posix(),))
    with pytest.raises(ValueError, match=f"^{archive}: {where}.*{message}"):
        import_archive(archive, home)
    assert list(home.iterdir()) == []


def test_the_records_of_the_data_come_along_with_or_without_the_report(pack: Pack) -> None:
    identity = {"kind": "data", "profile": PROFILE, "phase": "data", "row": "tokenize", "seed": None, "run_key": "k"}
    path, names = layout.data_record(PROFILE, "tokenize") / "record.json", ["data.md", "data.json"]
    write_record(path, make_record(identity, artifacts=[str(layout.data_report(PROFILE) / name) for name in names]))
    write_text(layout.data_report(PROFILE) / "data.md", "report")
    import_archive(pack())
    assert (IMPORTED / "records/data/tokenize/record.json").is_file()
    assert (IMPORTED / "data/data.md").read_text() == "report"


def test_a_training_needs_its_run_file_also_where_its_record_does_not_say_so(pack: Pack, home: Path) -> None:
    change(f"{TRAINED}/record.json", artifacts=[])
    with pytest.raises(ValueError, match=f"{TRAINED}/run.json: no such file"):
        import_archive(pack(), home)


def test_a_record_that_hides_behind_another_of_its_key_is_not_brought_in(pack: Pack, home: Path) -> None:
    """Of two records of a kind and key the index reads the first: the second would be in nobody's hands."""
    identity = {"kind": "data", "profile": PROFILE, "phase": "data", "seed": None, "run_key": "k"}
    hidden = layout.data_record(PROFILE, "tokenize") / "record.json"
    write_record(hidden, make_record(identity | {"row": "tokenize"}))
    shown = make_record(identity | {"row": "download"}, artifacts=[hidden.as_posix()])
    write_record(layout.data_record(PROFILE, "download") / "record.json", shown)
    with pytest.raises(ValueError, match="records/data/tokenize/record.json: no record names it"):
        import_archive(pack(), home)
