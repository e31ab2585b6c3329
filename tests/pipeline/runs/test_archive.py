"""The archive: deterministic, whole or not at all, bounded, and nothing lands outside of the folder."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from pipeline.runs import archive as module
from pipeline.runs.archive import unpack_archive, write_archive

HISTORY, PLAN = "records/phase2/a_b-0/history.csv", "plan/index.json"
FILES = {HISTORY: b"row\n", PLAN: b"{}", "predictions/phase2/a_b-0/para.csv.gz": b"\x1f\x8b", "data/data.md": b""}
SOURCES = [Path("artifacts/tiny", name) for name in FILES]
PATH = Path("offline-tiny.tar.gz")


@pytest.fixture(autouse=True)
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four files and their archive, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for source, content in zip(SOURCES, FILES.values(), strict=True):
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(content)
    write_archive(PATH, "tiny", SOURCES)


def unpack() -> dict[str, bytes]:
    unpack_archive(PATH, Path("out"))
    return {path.relative_to("out").as_posix(): path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}


def pack(*names: str, **fields: object) -> None:
    """An archive of another hand."""
    with tarfile.open(PATH, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            for key, value in fields.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(b"x" * member.size))


def test_a_round_trip() -> None:
    assert unpack() == FILES


def test_equal_files_make_equal_bytes_whenever_they_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = PATH.read_bytes()
    SOURCES[0].touch()
    SOURCES[0].chmod(0o600)
    monkeypatch.setattr("time.time", lambda: 1.0)
    write_archive(PATH, "tiny", reversed(SOURCES))
    assert PATH.read_bytes() == before


@pytest.mark.parametrize("fault", ["disk", "size", "weights"])
def test_a_failure_leaves_the_archive_that_was_there(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    before, sources = PATH.read_bytes(), SOURCES
    if fault == "disk":
        monkeypatch.setattr(tarfile.TarFile, "addfile", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    elif fault == "size":
        SOURCES[0].write_bytes(bytes(module.MAX_FILE_BYTES + 1))
    else:
        sources = [Path("artifacts/tiny/phase2/a_b-0/weights.safetensors")]
        sources[0].parent.mkdir(parents=True)
        sources[0].touch()
    with pytest.raises((OSError, ValueError), match="disk full|^artifacts/tiny/.*(bytes; allowed|in a place)"):
        write_archive(PATH, "tiny", sources)
    assert PATH.read_bytes() == before
    assert [path.name for path in Path().iterdir() if path.is_file()] == [PATH.name]


@pytest.mark.parametrize(
    "name",
    ["../x.csv", "/tmp/x.csv", "records/../../x.csv", "records/x.csv/../y.csv", "x.csv", "stages/train.py",
     "records/.x.csv", "records/x.csv\n", "summary/record.json", "records/x"],
)  # fmt: skip
def test_a_file_has_its_place(name: str) -> None:
    pack(name)
    with pytest.raises(ValueError, match=f"^{PATH}: [^$]*in a place"):
        unpack()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_only_plain_files_come_in(kind: bytes) -> None:
    pack(HISTORY, type=kind, linkname=PLAN)
    with pytest.raises(ValueError, match=f"^{PATH}: {HISTORY}: not a plain file"):
        unpack()


@pytest.mark.parametrize(("limit", "message"), [("MAX_FILE_BYTES", "allowed"), ("MAX_BYTES", "more than 1 bytes"),
                                                ("MAX_FILES", "more than 1 files")])  # fmt: skip
def test_what_is_over_a_limit_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str, message: str) -> None:
    monkeypatch.setattr(module, limit, 1)
    with pytest.raises(ValueError, match=f"^{PATH}: .*{message}"):
        unpack()


@pytest.mark.parametrize("num_lost", [1, 4, 8, 40, 200])
def test_a_cut_archive_is_refused(num_lost: int) -> None:
    PATH.write_bytes(PATH.read_bytes()[:-num_lost])
    with pytest.raises(ValueError, match=f"^{PATH}: not a whole archive"):
        unpack()


@pytest.mark.parametrize(
    "content", [None, b"", b"no archive", gzip.compress(b"no tar", mtime=0)], ids=["none", "empty", "text", "gzip"]
)
def test_what_is_no_archive_is_refused(content: bytes | None) -> None:
    PATH.unlink()
    if content is not None:
        PATH.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{PATH}: not a whole archive"):
        unpack()


@pytest.mark.parametrize("kind", ["pax", "gnu"])
def test_a_long_header_is_refused_before_it_is_read(kind: str) -> None:
    """It may say anything of its size, and is read whole where it is read at all."""
    header = tarfile.TarInfo("header")
    header.type, header.size = (tarfile.XHDTYPE if kind == "pax" else tarfile.GNUTYPE_LONGNAME), 300 * 2**20
    content = header.tobuf(tarfile.USTAR_FORMAT) + b"20 comment=" + bytes(header.size)
    PATH.write_bytes(gzip.compress(content, 1))
    del content
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"^{PATH}: header: not a plain file"):
        unpack()
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("rest", [gzip.compress(b"", mtime=0), b"\0"], ids=["a second member", "a zero"])
def test_nothing_follows_the_end(rest: bytes) -> None:
    with PATH.open("ab") as file:
        file.write(rest * 3)
    with pytest.raises(ValueError, match=f"^{PATH}: not a whole archive .something follows its end"):
        unpack()


@pytest.mark.parametrize(("limit", "message"), [("MAX_LISTS", "lists and objects"), ("MAX_JSON_BYTES", "JSON files")])
def test_json_that_would_grow_when_it_is_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, limit: str, message: str
) -> None:
    monkeypatch.setattr(module, limit, 0)
    with pytest.raises(ValueError, match=f"^{PATH}: {PLAN}: .*{message}"):
        unpack()


def test_a_name_comes_once() -> None:
    pack(HISTORY, HISTORY)
    with pytest.raises(ValueError, match="there twice"):
        unpack()
