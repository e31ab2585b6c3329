"""The files of records: where they are found, in which tree, and where the files lie that they name; live runs too."""

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from pipeline.files.digest import hash_bytes
from pipeline.files.owner import is_owned
from pipeline.runs import layout
from pipeline.runs.events import read_events
from pipeline.runs.layout import Tree
from pipeline.runs.record import build_record, check_types, read_record

# A run logs every few seconds and is evaluated every few minutes: where no lock says who lives, one that was silent for
# this long was killed.
SILENCE_MS = 30 * 60 * 1000

IMPORTED_TAG = "imported"

Record = dict[str, Any]


def list_profiles(root: Path) -> list[str]:
    """The profiles of which there are records."""
    folders = [f"{tree('*')}/{name}" for tree in layout.TREES for name in ("records", "summary")]
    found = (path.relative_to(root) for folder in folders for path in sorted(Path(root).glob(folder)))
    return list(dict.fromkeys(path.parts[1] for path in found))


def find_record_files(root: Path) -> list[Path]:
    """Every record file below the project's root, those of sweeps' trials last."""
    found = [path for profile in list_profiles(root) for path, _ in list_record_files(root, profile)]
    return found + sorted(Path(root).glob(f"{layout.sweeps('*')}/*/*/record.json"))


def list_record_files(root: Path, profile: str) -> Iterator[tuple[Path, Tree]]:
    """The record files of a profile and the trees that they lie in, the local ones first; no hidden ones.

    A hidden folder is what a killed process was writing.
    """
    for tree in layout.TREES:
        folder = Path(root) / layout.records(profile, tree)
        paths = sorted(path for path in folder.rglob("record.json") if "/." not in path.relative_to(root).as_posix())
        summary = Path(root) / layout.summary_record(profile, tree) / "record.json"
        yield from ((path, tree) for path in [*paths, *([summary] if summary.is_file() else [])])


def read_in_place(path: Path, root: Path, tree: Tree, find_faults: Callable[[Record], list[str]]) -> Record:
    """A record that lies where it says it belongs, marked if it lies among the imported.

    One that lies elsewhere, or names a file where none of its own may be, is a `ValueError`.
    """
    record = read_record(path)
    for fault in find_faults(record):
        raise ValueError(f"{path}: {fault}")
    home = layout.record_file(*(record[key] for key in ("kind", "profile", "phase", "row", "seed")), tree)
    if path != root / home:
        raise ValueError(f"{path}: kind, profile, phase, row and seed are those of {home}")
    record["tags"].pop(IMPORTED_TAG, None)
    if tree is layout.imported:
        record["tags"][IMPORTED_TAG] = "true"
    _check_artifacts(record, path, root)
    return record


def tree_of(record: Record) -> Tree:
    """The tree that a record which was read in its place lies in."""
    return layout.imported if IMPORTED_TAG in record["tags"] else layout.artifacts


def find_artifact(name: str, record: Record, root: Path) -> Path:
    """Where the file lies that a record names: in the record's own tree; what a summary names, report has published.

    A name that leads elsewhere is a `ValueError`; among the imported, which may be foreign, so is a link that does.
    """
    if record["kind"] == "summary":
        tree, name = layout.results, name.replace("results/", "artifacts/", 1)
    else:
        tree = tree_of(record)
    path = Path(root) / layout.artifact(name, record["profile"], tree)
    home = Path(root) / tree(record["profile"])
    if IMPORTED_TAG in record["tags"] and not path.resolve().is_relative_to(home.resolve()):
        raise ValueError(f"artifact {name}: {path} leads out of {home}")
    return path


def is_whole(record: Record, root: Path) -> bool:
    """Whether a record is of something that finished, and the files that it names are there."""
    files = (find_artifact(name, record, root) for name in record["artifacts"])
    return record["status"] == "finished" and all(file.is_file() for file in files)


def hash_run_files(folder: Path) -> str:
    """The run key by what lies beside a training's record: the SHA-256 of run.json and, where there is one, start.json.

    Without run.json a `ValueError` names it.
    """
    parts = [folder / "run.json", *(path for path in [folder / "start.json"] if path.is_file())]
    if not parts[0].is_file():
        raise ValueError(f"{parts[0]}: no such file")
    return hash_bytes(b"".join(part.read_bytes() for part in parts))


def read_live(
    root: Path, recorded: Collection[str] = (), find_faults: Callable[[Record], list[str]] = lambda record: []
) -> tuple[list[Record], list[str]]:
    """The event files below `.work/` as records, but for run keys in `recorded`, and a line for each broken file.

    What `find_faults` has to say of a record makes its file a broken one.
    A run that nobody works on has the status "killed".
    """
    found, problems = [], []
    for path in sorted((Path(root) / layout.WORK).glob("*/events.jsonl")):
        try:
            events = read_events(path)
            record = _fold(events, path) if events else None
            if record is not None:
                _check_artifacts(record, path, Path(root))
                for fault in find_faults(record):
                    raise ValueError(f"{path}: {fault}")
        except (ValueError, OSError) as error:
            problems.append(str(error))
            continue
        if record is None or record["run_key"] in recorded:
            continue
        if record["status"] == "running" and not _is_alive(path.parent, record):
            record["status"] = "killed"
        found.append(record)
    return found, problems


def _is_alive(work: Path, record: Record) -> bool:
    """Whether a process holds the lock of the work folder; where there is no lock, whether it was silent for long."""
    owned = is_owned(work)
    return time.time() * 1000 - record["end_time"] <= SILENCE_MS if owned is None else owned


def _fold(events: list[dict[str, Any]], path: Path) -> Record:
    """The record of events; what no run writes is a `ValueError` naming the file."""
    try:
        record = build_record(events)
        check_types(record, path)
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"{path}: not the events of a run ({type(error).__name__}: {error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    return record


def _check_artifacts(record: Record, path: Path, root: Path) -> None:
    for name in record["artifacts"]:
        try:
            find_artifact(name, record, root)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
