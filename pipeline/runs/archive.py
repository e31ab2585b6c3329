"""What a machine without DVC brings home: a gzipped tar of artifacts/<profile>/ without its weights, tokens and tables.

Equal contents are equal bytes. `pipeline.runs.bring_in` says what must be in it.
"""

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from pipeline.files.atomic import atomic_path
from pipeline.runs import layout
from pipeline.runs.record import read_record

MAX_FILES, MAX_BYTES = 20_000, 512 * 2**20  # predictions of 200 runs are some 100 MB
MAX_FILE_BYTES = 16 * 2**20  # predictions and histories are far below; what is not has no business in git
NAME = re.compile(r"(?:plan|records|predictions|data)(?:/[a-z0-9_-]+)*/[a-z0-9_-]+(?:\.[a-z0-9]+)+", re.ASCII)

# What Python's tar and gzip readers raise on a file that is cut or is no archive.
BROKEN = (OSError, EOFError, tarfile.TarError, zlib.error)


def list_files(profile: str, record_files: Iterable[Path]) -> set[Path]:
    """Plan's index, these records and those of the data, and the files that they name and that are here."""
    data = [layout.data_record(profile, stage) / "record.json" for stage in layout.DATA_STAGES]
    records = [*record_files, *(path for path in data if path.is_file())]
    named = {layout.artifact(name, profile) for path in records for name in read_record(path)["artifacts"]}
    return {layout.plan(profile) / "index.json", *records, *(path for path in named if path.is_file())}


def write_archive(path: Path, profile: str, files: Iterable[Path]) -> None:
    """Write the archive, whole or not at all, of `files`, paths relative to the working folder.

    A file that is too large, or lies where none may, is a `ValueError` naming it.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as stream,  # no name and no time in its header
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for source in sorted(files):
            content = source.read_bytes()
            member = tarfile.TarInfo(source.relative_to(layout.artifacts(profile)).as_posix())
            member.size, member.mode = len(content), 0o644
            _check_member(member, source)
            tar.addfile(member, io.BytesIO(content))


def unpack_archive(path: Path, folder: Path) -> None:
    """Write the files of an archive below `folder`, which is empty.

    Raises `ValueError` naming archive and file: cut or changed (by gzip's check sum), too large, no plain file, or in
    a place where none may lie. Neither more than `MAX_BYTES` are read, nor more than `MAX_FILES` written.
    """
    try:
        with gzip.open(path) as stream:
            bounded = _Bounded(stream, path)
            with tarfile.open(fileobj=bounded, mode="r|") as tar:
                for number, member in enumerate(tar):
                    _check_member(member, f"{path}: {member.name}")
                    if number == MAX_FILES or (folder / member.name).exists():
                        why = "there twice" if number < MAX_FILES else f"more than {MAX_FILES} files"
                        raise ValueError(f"{path}: {member.name}: {why}")
                    (folder / member.name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / member.name).write_bytes(tar.extractfile(member).read())
            while bounded.read(2**20):  # gzip's check sum comes at the end
                pass
    except BROKEN as error:
        raise ValueError(f"{path}: not a whole archive ({error or type(error).__name__})") from None


def _check_member(member: tarfile.TarInfo, where: Path | str) -> None:
    if member.type != tarfile.REGTYPE or member.issparse() or not NAME.fullmatch(member.name):
        raise ValueError(f"{where}: not a plain file in a place that a file of an archive may have")
    if member.size > MAX_FILE_BYTES:
        raise ValueError(f"{where}: {member.size} bytes; allowed in an archive: {MAX_FILE_BYTES}")


class _Bounded:
    """A stream that gives no more than `MAX_BYTES`."""

    def __init__(self, stream: gzip.GzipFile, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, MAX_BYTES

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise ValueError(f"{self._path}: more than {MAX_BYTES} bytes")
        return block
