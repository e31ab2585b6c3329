"""An archive brought in: its results under results/<profile>/, its records below imported/ there and marked as such."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files.atomic import atomic_folder
from pipeline.runs import layout
from pipeline.runs.archive import Archive, read_archive
from pipeline.runs.contents import find_missing, read_index, read_records
from pipeline.runs.places import destination
from pipeline.runs.record import write_record

# Written where the data is, and in no archive: these outlive a replacement.
DATA_REPORT = ("data.json", "data.md")
NUM_NAMED = 5  # files that a message names


@dataclass(frozen=True)
class Imported:
    """What came in: `num_files` new or changed; `missing` are the records that a report still waits for."""

    profile: str
    num_files: int
    missing: list[str]
    has_report: bool


def import_archive(path: Path, replace: bool = False) -> Imported:
    """Check the archive, then make it part of results/<profile>, wholly or not at all.

    Files that are there already may be equal; others are a `ValueError`, or with `replace` give way, together with
    everything else of the profile's results but the data report. The same archive again changes nothing.
    """
    archive = read_archive(path)
    index, records = read_index(archive), read_records(archive)
    results, profile = layout.results(archive.profile), archive.profile
    summary = (layout.summary_record(profile) / "record.json").as_posix()
    if summary in records and (lacking := find_missing(index, profile, lambda file: file.as_posix() in records)):
        raise ValueError(f"{path}: {summary}: sums up records that are missing: {_name_some(lacking)}")
    with tempfile.TemporaryDirectory() as temporary:
        new = Path(temporary)
        _write_tree(archive, records, new)
        changed = [name for name in _list_tree(new) if not _is_same(new / name, results / name)]
        differing = [name for name in changed if (results / name).exists()]
        if differing and not replace:
            raise ValueError(f"{results}: holds other content than {path}: {_name_some(map(str, differing))}; "
                             "--replace puts the archive's in its place")  # fmt: skip
        kept = DATA_REPORT if replace else tuple(map(str, _list_tree(results)))
        dropped = [name for name in _list_tree(results) if str(name) not in kept and not (new / name).exists()]
        if changed or dropped:
            with atomic_folder(results) as folder:
                for name in _list_tree(results):
                    if str(name) in kept:
                        _copy(results / name, folder / name)
                for name in _list_tree(new):
                    _copy(new / name, folder / name)

    def is_there(file: Path) -> bool:
        return (results / destination(file.as_posix())).is_file()

    return Imported(profile, len(changed), find_missing(index, profile, is_there), is_there(Path(summary)))


def _write_tree(archive: Archive, records: dict[str, dict[str, Any]], folder: Path) -> None:
    for name, content in archive.files.items():
        place = destination(name)
        if place is None:
            continue
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        if name in records:
            record = records[name]
            write_record(folder / place, record | {"tags": record["tags"] | {"imported": "true"}})
        else:
            (folder / place).write_bytes(content)


def _list_tree(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def _is_same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _name_some(names: Iterator[str] | list[str]) -> str:
    names = list(names)
    rest = f" and {len(names) - NUM_NAMED} more" if len(names) > NUM_NAMED else ""
    return ", ".join(names[:NUM_NAMED]) + rest
