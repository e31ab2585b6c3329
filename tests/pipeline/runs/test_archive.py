"""Writing and reading the archive: deterministic, whole or not at all, and nothing tampered with gets through."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.runs import archive as archive_module
from pipeline.runs.archive import MANIFEST, MAX_FILE_BYTES, read_archive, write_archive

TABLE, PLAN = "results/tiny/table1.csv", "artifacts/tiny/plan/index.json"
FILES = {TABLE: b"row\n", PLAN: b"{}", "results/tiny/figure2.png": b"\x89PNG\r\n", "results/tiny/table1.md": b""}
PATH = Path("offline-tiny.tar.gz")
Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(autouse=True)
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four files and their archive, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    write()


def write() -> None:
    write_archive(PATH, "tiny", map(Path, FILES), num_done=3, num_commands=8)


def unpack() -> Members:
    with tarfile.open(PATH) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]


def pack(members: Members) -> None:
    with tarfile.open(PATH, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def make_member(name: str, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(member, key, value)
    return member


def test_a_round_trip() -> None:
    archive = read_archive(PATH)
    assert archive.files == FILES
    assert (archive.profile, archive.manifest["num_done"], archive.manifest["num_commands"]) == ("tiny", 3, 8)
    assert archive.manifest["environment"]["platform"]
    assert archive.manifest["files"][TABLE]["size"] == 4


def test_equal_files_make_equal_bytes_whenever_they_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = PATH.read_bytes()
    Path(TABLE).touch()
    Path(TABLE).chmod(0o600)
    monkeypatch.setattr("time.time", lambda: 1.0)
    write_archive(PATH, "tiny", map(Path, reversed(FILES)), num_done=3, num_commands=8)
    assert PATH.read_bytes() == before
    assert [member.name for member, _ in unpack()] == [MANIFEST, *sorted(FILES)]
    assert {(member.mtime, member.uid, member.uname) for member, _ in unpack()} == {(0, 0, "")}


def test_a_failure_leaves_the_archive_that_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    before = PATH.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(tarfile.TarFile, "addfile", fail)
    with pytest.raises(OSError, match="disk full"):
        write()
    assert PATH.read_bytes() == before
    assert [path.name for path in Path().iterdir() if path.is_file()] == [PATH.name]


def test_a_file_that_is_too_large_is_named_and_not_packed() -> None:
    before = PATH.read_bytes()
    Path(TABLE).write_bytes(bytes(MAX_FILE_BYTES + 1))
    with pytest.raises(ValueError, match=f"{TABLE}: 16777217 bytes; allowed in an archive: 16777216"):
        write()
    assert PATH.read_bytes() == before


def test_weights_stay_where_they_are() -> None:
    weights = "artifacts/tiny/phase2/iteration_3-0/weights.safetensors"
    with pytest.raises(ValueError, match=f"{weights}: not a file that an archive"):
        write_archive(PATH, "tiny", [Path(weights)], 1, 1)


def change_byte(members: Members) -> Members:
    return [(member, b"Row\n" if member.name == TABLE else content) for member, content in members]


def drop(members: Members) -> Members:
    return [item for item in members if item[0].name != TABLE]


def drop_manifest(members: Members) -> Members:
    return members[1:]


def add(member: tarfile.TarInfo) -> Callable[[Members], Members]:
    return lambda members: [*members, (member, b"")]


def edit_manifest(**changes: object) -> Callable[[Members], Members]:
    def edit(members: Members) -> Members:
        (member, content), *rest = members
        return [(member, json.dumps(json.loads(content) | changes).encode()), *rest]

    return edit


@pytest.mark.parametrize(
    ("tamper", "name", "message"),
    [
        (change_byte, TABLE, "changed"),
        (drop, TABLE, "missing"),
        (drop_manifest, MANIFEST, "missing"),
        (add(make_member("results/tiny/x.csv")), "results/tiny/x.csv", "not in manifest.json"),
        (add(make_member(TABLE)), TABLE, "there twice"),
        (add(make_member("../x.csv")), "../x.csv", "not a place"),
        (add(make_member("/tmp/x.csv")), "/tmp/x.csv", "not a place"),
        (add(make_member("results/tiny/../../x.csv")), "results/tiny/../../x.csv", "not a place"),
        (add(make_member("results/tiny/x.py")), "results/tiny/x.py", "not a place"),
        (add(make_member("results/tiny/x.csv", type=tarfile.SYMTYPE, linkname=TABLE)), "x.csv", "not a plain file"),
        (add(make_member("results/tiny/x.csv", type=tarfile.LNKTYPE, linkname=TABLE)), "x.csv", "not a plain file"),
        (add(make_member("results/tiny/x.csv", type=tarfile.DIRTYPE)), "x.csv", "not a plain file"),
        (add(make_member("results/tiny/x.csv", type=tarfile.FIFOTYPE)), "x.csv", "not a plain file"),
        (edit_manifest(profile="../tiny"), MANIFEST, "profile: allowed"),
        (edit_manifest(profile="other"), PLAN, "not of profile 'other'"),
        (edit_manifest(version=2), MANIFEST, "version"),
        (edit_manifest(num_done="3"), MANIFEST, "num_done: allowed: a count"),
        (edit_manifest(environment=None), MANIFEST, "environment: allowed"),
        (edit_manifest(files={TABLE: "x"}), MANIFEST, "files: allowed"),
        (edit_manifest(note="x"), MANIFEST, "note: unknown"),
    ],
)
def test_tampering_is_named(tamper: Callable[[Members], Members], name: str, message: str) -> None:
    pack(tamper(unpack()))
    with pytest.raises(ValueError) as caught:
        read_archive(PATH)
    assert str(caught.value).startswith(f"{PATH}: ")
    assert f"{name}: " in str(caught.value)
    assert message in str(caught.value)


def test_a_member_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_FILE_BYTES", 3)
    with pytest.raises(ValueError, match=f"{MANIFEST}: .* bytes; allowed: 3"):
        read_archive(PATH)


@pytest.mark.parametrize("num_lost", [1, 4, 8, 40, 300])
def test_a_cut_archive_is_refused(num_lost: int) -> None:
    PATH.write_bytes(PATH.read_bytes()[:-num_lost])
    with pytest.raises(ValueError, match=f"{PATH}: "):
        read_archive(PATH)


def test_a_changed_byte_anywhere_is_refused_or_changes_nothing() -> None:
    """Some bits of a compressed file mean nothing, such as those that fill its last byte."""
    whole, content = PATH.read_bytes(), read_archive(PATH)
    num_harmless = 0
    places = [place for place in range(0, len(whole), 7) if place not in range(3, 10)]  # gzip's flags, time, system
    for place in places:
        PATH.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            found = read_archive(PATH)
        except ValueError as error:
            assert str(error).startswith(f"{PATH}: ")
        else:
            assert found == content
            num_harmless += 1
    assert num_harmless < len(places) / 100


def test_what_follows_the_last_file_is_refused() -> None:
    PATH.write_bytes(PATH.read_bytes() + gzip.compress(bytes(20480) + b"more"))
    with pytest.raises(ValueError, match="something follows the last file"):
        read_archive(PATH)


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no tar", mtime=0)])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    PATH.write_bytes(content)
    with pytest.raises(ValueError, match=f"{PATH}: "):
        read_archive(PATH)


def test_a_missing_archive_is_named() -> None:
    with pytest.raises(ValueError, match="nowhere.tar.gz"):
        read_archive(Path("nowhere.tar.gz"))
