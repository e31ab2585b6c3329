"""What a machine without DVC brings home: a gzipped tar of artifacts/<profile>/ without its weights, tokens and tables.

Equal contents are equal bytes. `pipeline.runs.bring_in` says what must be in it.
"""

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.files.atomic import atomic_path
from pipeline.runs import layout
from pipeline.runs.record import read_record

MAX_FILES, MAX_BYTES = 20_000, 512 * 2**20  # predictions of 200 runs are some 100 MB
MAX_FILE_BYTES = 16 * 2**20  # predictions and histories are far below; what is not has no business in git
# JSON becomes many times its size when it is read. A record of the present study has 160 kB and 2,000 lists.
MAX_JSON_BYTES, MAX_LISTS = 64 * 2**20, 500_000  # of all records, of one of them
BLOCK, READ_BYTES = tarfile.BLOCKSIZE, 2**16
NAME = re.compile(r"(?:plan|records|predictions|data)(?:/[a-z0-9_-]+)*/[a-z0-9_-]+(?:\.[a-z0-9]+)+", re.ASCII)

# What reading a header and unpacking raise on a file that is cut or is no archive.
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
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar,
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
    a place where none may lie. Only plain headers of 512 bytes are read, one file at a time, and no more than the
    limits above allow: a small archive can ask for any memory and time otherwise.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{path}: more than {MAX_BYTES} bytes")
        with path.open("rb") as file:
            stream, num_json = _Bounded(file, path), 0
            for number, member in enumerate(_read_headers(stream)):
                _check_member(member, f"{path}: {member.name}")
                target = folder / member.name
                if number == MAX_FILES or target.exists():
                    why = "there twice" if number < MAX_FILES else f"more than {MAX_FILES} files"
                    raise ValueError(f"{path}: {member.name}: {why}")
                content = stream.read(member.size)
                stream.read(-member.size % BLOCK)  # the rest of its last block
                if target.suffix == ".json":
                    num_json += len(content)
                    _check_json(content, num_json, f"{path}: {member.name}")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            stream.finish()
    except BROKEN as error:
        raise ValueError(f"{path}: not a whole archive ({error or type(error).__name__})") from None


def _read_headers(stream: "_Bounded") -> Iterator[tarfile.TarInfo]:
    """Each header of a tar file; between two of them its content is read. A pax or GNU header is another kind."""
    while (block := stream.read(BLOCK)) != bytes(BLOCK):
        yield tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")


def _check_member(member: tarfile.TarInfo, where: Path | str) -> None:
    if member.type != tarfile.REGTYPE or member.issparse() or not NAME.fullmatch(member.name):
        raise ValueError(f"{where}: not a plain file in a place that a file of an archive may have")
    if member.size > MAX_FILE_BYTES:
        raise ValueError(f"{where}: {member.size} bytes; allowed in an archive: {MAX_FILE_BYTES}")


def _check_json(content: bytes, num_bytes: int, where: str) -> None:
    if content.count(b"[") + content.count(b"{") > MAX_LISTS:
        raise ValueError(f"{where}: more than {MAX_LISTS} lists and objects")
    if num_bytes > MAX_JSON_BYTES:
        raise ValueError(f"{where}: the JSON files have more than {MAX_JSON_BYTES} bytes")


class _Bounded:
    """What a gzip file holds: its one member, and no more than `MAX_BYTES` of it."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path, self._left = file, path, MAX_BYTES
        self._inflate, self._packed = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), b""

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; an `EOFError` where there are fewer."""
        blocks, missing = [], size
        self._left -= size
        if self._left < 0:
            raise ValueError(f"{self._path}: more than {MAX_BYTES} bytes")
        while missing:
            if not (block := self._read_some(missing)):
                raise EOFError("it ends early")
            blocks.append(block)
            missing -= len(block)
        return b"".join(blocks)

    def finish(self) -> None:
        """Read to the end, where gzip's check sum is; after it there is nothing."""
        while block := self._read_some(READ_BYTES):
            self._left -= len(block)
            if self._left < 0:
                raise ValueError(f"{self._path}: more than {MAX_BYTES} bytes")
        if not self._inflate.eof:
            raise EOFError("it ends early")
        if self._inflate.unused_data or self._file.read(1):
            raise EOFError("something follows its end")

    def _read_some(self, size: int) -> bytes:
        while not self._inflate.eof:
            self._packed = self._packed or self._file.read(READ_BYTES)
            is_over = not self._packed
            block = self._inflate.decompress(self._packed, size)
            self._packed = self._inflate.unconsumed_tail
            if block or is_over:
                return block
        return b""
