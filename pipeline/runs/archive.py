"""The archive: a gzipped tar of plain files, its manifest first; equal contents are equal bytes. All of it is checked.

The manifest says the profile, the machine, how many of plan's commands are done, and size and SHA-256 of every file.
"""

import gzip
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files.atomic import atomic_path
from pipeline.files.digest import hash_bytes
from pipeline.runs.environment import environment
from pipeline.runs.places import NAME, is_place

VERSION = 1
MANIFEST = "manifest.json"
MAX_FILE_BYTES = 16 * 2**20  # predictions and histories are far below; what is not has no business in git

# What Python's tar and gzip readers raise on a file that is cut or is no archive.
BROKEN = (OSError, EOFError, tarfile.TarError, zlib.error)


@dataclass(frozen=True)
class Archive:
    """A checked archive: the manifest, and the contents by name, a path relative to the project root."""

    path: Path
    manifest: dict[str, Any]
    files: dict[str, bytes]

    @property
    def profile(self) -> str:
        return self.manifest["profile"]


def write_archive(path: Path, profile: str, files: Iterable[Path], num_done: int, num_commands: int) -> None:
    """Write the archive, whole or not at all, of `files`, paths relative to the working folder.

    A file that is too large, or lies where none may, is a `ValueError` naming it.
    """
    contents = {}
    for file in sorted(set(files)):
        name = file.as_posix()
        if not is_place(name, profile):
            raise ValueError(f"{name}: not a file that an archive of profile {profile!r} may hold")
        contents[name] = file.read_bytes()
        if len(contents[name]) > MAX_FILE_BYTES:
            raise ValueError(f"{name}: {len(contents[name])} bytes; allowed in an archive: {MAX_FILE_BYTES}")
    manifest = {
        "version": VERSION,
        "profile": profile,
        "environment": environment(),
        "num_done": num_done,
        "num_commands": num_commands,
        "files": {name: {"sha256": hash_bytes(data), "size": len(data)} for name, data in contents.items()},
    }
    text = json.dumps(manifest, indent=2, sort_keys=True).encode()
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as stream,  # no name and no time in its header
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, data in {MANIFEST: text, **contents}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))


def read_archive(path: Path) -> Archive:
    """Read an archive into memory; nothing is written anywhere.

    Raises `ValueError` naming archive and file: cut, no manifest, a file that is missing, too many, changed, no plain
    file, too large, or in a place where none may lie.
    """
    files: dict[str, bytes] = {}
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    _check_member(member, path, known=files)
                    files[member.name] = tar.extractfile(member).read()
            _read_to_end(stream, path)
    except BROKEN as error:
        raise ValueError(f"{path}: not a whole archive ({error or type(error).__name__})") from None
    if MANIFEST not in files:
        raise ValueError(f"{path}: {MANIFEST}: missing")
    manifest = _read_manifest(files.pop(MANIFEST), f"{path}: {MANIFEST}")
    for fault in _compare(manifest, files):
        raise ValueError(f"{path}: {fault}")
    return Archive(Path(path), manifest, files)


def _check_member(member: tarfile.TarInfo, path: Path, known: dict[str, bytes]) -> None:
    if member.type != tarfile.REGTYPE or member.issparse():
        raise ValueError(f"{path}: {member.name}: not a plain file; links, folders and devices are not allowed")
    if member.size > MAX_FILE_BYTES:
        raise ValueError(f"{path}: {member.name}: {member.size} bytes; allowed: {MAX_FILE_BYTES}")
    if member.name in known:
        raise ValueError(f"{path}: {member.name}: there twice")
    if member.name != MANIFEST and not is_place(member.name):
        raise ValueError(f"{path}: {member.name}: not a place that a file of an archive may have")


def _read_to_end(stream: gzip.GzipFile, path: Path) -> None:
    """Read the padding after the last file, since gzip's check sum comes at the end."""
    while block := stream.read(2**20):
        if block.strip(b"\0"):
            raise ValueError(f"{path}: something follows the last file")


def _read_manifest(content: bytes, where: str) -> dict[str, Any]:
    manifest = parse_json(content, where)
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION:
        raise ValueError(f"{where}: version: not a manifest of version {VERSION}")
    for key, (is_allowed, allowed) in _CHECKS.items():
        if key not in manifest or not is_allowed(manifest[key]):
            raise ValueError(f"{where}: {key}: allowed: {allowed}")
    if unknown := set(manifest) - {"version", *_CHECKS}:
        raise ValueError(f"{where}: {', '.join(sorted(unknown))}: unknown")
    return manifest


def _compare(manifest: dict[str, Any], files: dict[str, bytes]) -> Iterator[str]:
    """What manifest and files disagree about, one line each."""
    listed, profile = manifest["files"], manifest["profile"]
    yield from (f"{name}: in {MANIFEST}, but missing" for name in sorted(set(listed) - set(files)))
    yield from (f"{name}: not in {MANIFEST}" for name in sorted(set(files) - set(listed)))
    for name, content in files.items():
        if not is_place(name, profile):
            yield f"{name}: not of profile {profile!r}"
        if (len(content), hash_bytes(content)) != (listed[name]["size"], listed[name]["sha256"]):
            yield f"{name}: changed: its size or sha256 is not what {MANIFEST} says"


def parse_json(content: bytes, where: str) -> Any:
    """The value of a JSON text; what is none is a `ValueError` naming `where`."""
    try:
        return json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{where}: not a JSON file ({error})") from None


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _are_strings(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) and set(entry) == {"sha256", "size"} for entry in value.values()
    )


_CHECKS = {
    "profile": (lambda value: isinstance(value, str) and bool(re.fullmatch(NAME, value)), "a profile's name"),
    "environment": (_are_strings, "names with strings"),
    "num_done": (_is_count, "a count"),
    "num_commands": (_is_count, "a count"),
    "files": (_are_files, "names with sha256 and size"),
}
