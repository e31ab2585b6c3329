"""What an archive holds: plan, the records of what is done, and the files that each record names; and that it is so."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.engine.offline import Outcome
from pipeline.files.digest import hash_bytes
from pipeline.runs import layout
from pipeline.runs.archive import Archive, parse_json
from pipeline.runs.record import check_record, read_record


def list_files(profile: str, outcome: Outcome) -> set[Path]:
    """The files to pack: those of the commands that are done, so the report's only when everything is."""
    plan = layout.plan(profile)
    files = {plan / "index.json", *(plan / "runs").rglob("*.json")}
    files |= {path for stage in ("download", "tokenize") if (path := _data_record(profile, stage)).is_file()}
    for command in outcome.done:
        if command.leaves_record:
            files |= {command.done, *map(Path, read_record(command.done)["artifacts"])}
    return files


def _data_record(profile: str, stage: str) -> Path:
    return layout.data_record(profile, stage) / "record.json"


def find_missing(index: dict[str, Any], profile: str, is_there: Callable[[Path], bool]) -> list[str]:
    """The records that plan's index asks for and that are not there, as `phase2/iteration_3-0`."""
    folders = [
        folder(profile, phase, row["row"], seed)
        for seed in index["seeds"]
        for phase in layout.PHASES
        for row in index[phase]
        for folder in (layout.training_record, layout.evaluation_record)
    ]
    return ["/".join(folder.parts[-2:]) for folder in folders if not is_there(folder / "record.json")]


def read_index(archive: Archive) -> dict[str, Any]:
    """Plan's index; one that is missing, of another profile, or without rows and seeds is a `ValueError`."""
    name = (layout.plan(archive.profile) / "index.json").as_posix()
    where = f"{archive.path}: {name}"
    if name not in archive.files:
        raise ValueError(f"{where}: missing")
    index = parse_json(archive.files[name], where)
    if not isinstance(index, dict) or index.get("profile") != archive.profile:
        raise ValueError(f"{where}: profile: not {archive.profile!r}")
    rows = [row for phase in layout.PHASES for row in _list(index.get(phase), f"{where}: {phase}")]
    if not all(isinstance(row, dict) and isinstance(row.get("row"), str) for row in rows):
        raise ValueError(f"{where}: allowed: rows with a name")
    if not all(type(seed) is int for seed in _list(index.get("seeds"), f"{where}: seeds")):
        raise ValueError(f"{where}: seeds: allowed: whole numbers")
    return index


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: allowed: a list")
    return value


def read_records(archive: Archive) -> dict[str, dict[str, Any]]:
    """The records by their file's name, checked: what is broken, or out of place, is a `ValueError` naming the file.

    A record lies where it says it belongs, has finished, and brings the files that it names; a training's run key is
    the hash of the run file and start file beside it, and these are plan's; an evaluation is of the training that is
    there. A file that no record names is refused too.
    """
    files, records = archive.files, {}
    for name in sorted(files):
        if name.endswith(".json"):
            content = parse_json(files[name], f"{archive.path}: {name}")
            if name.endswith("/record.json"):
                check_record(content, f"{archive.path}: {name}")
                records[name] = content
    # Trainings first: what is wrong with one shows in its evaluation too.
    for name, record in sorted(records.items(), key=lambda item: item[1]["kind"] == "evaluation"):
        for fault in _find_faults(name, record, records, files):
            raise ValueError(f"{archive.path}: {name}: {fault}")
    plan = layout.plan(archive.profile).as_posix()
    named = {path for name, record in records.items() for path in [name, *record["artifacts"]]}
    for name in sorted(set(files) - named):
        if not name.startswith(f"{plan}/"):
            raise ValueError(f"{archive.path}: {name}: no record names it")
    return records


def _find_faults(
    name: str, record: dict[str, Any], records: dict[str, dict[str, Any]], files: dict[str, bytes]
) -> Iterable[str]:
    home = (_folder(record) / "record.json").as_posix()
    if name != home:
        yield f"kind, profile, phase, row, seed: of {home}"
        return
    if record["status"] != "finished":
        yield f"status: {record['status']!r}; allowed: finished"
    if record["kind"] == "data":
        return  # the data report stays where the data is
    yield from (f"names {path}, which is missing" for path in record["artifacts"] if path not in files)
    if record["kind"] == "training":
        yield from _check_key(record, files)
    elif record["kind"] == "evaluation":
        trained = (layout.training_record(*_place(record)) / "record.json").as_posix()
        if trained not in records or records[trained]["run_key"] != record["run_key"]:
            yield f"run_key: not that of {trained}"


def _check_key(record: dict[str, Any], files: dict[str, bytes]) -> Iterable[str]:
    place, folder = _place(record), _folder(record).as_posix()
    parts = ["run.json", *(["start.json"] if record["phase"] == "phase2" else [])]
    missing = [part for part in parts if f"{folder}/{part}" not in files]
    if missing:
        yield f"{folder}/{missing[0]} is missing"
        return
    if record["run_key"] != hash_bytes(b"".join(files[f"{folder}/{part}"] for part in parts)):
        yield f"run_key: not the sha256 of {' and '.join(parts)} beside it"
    planned = layout.run_file(*place).as_posix()
    if files.get(planned) != files[f"{folder}/run.json"]:
        yield f"run.json beside it is not {planned}"


def _folder(record: dict[str, Any]) -> Path:
    match record["kind"]:
        case "training":
            return layout.training_record(*_place(record))
        case "evaluation":
            return layout.evaluation_record(*_place(record))
        case "data":
            return layout.data_record(record["profile"], record["row"])
        case _:
            return layout.summary_record(record["profile"])


def _place(record: dict[str, Any]) -> tuple[str, str, str, int]:
    return record["profile"], record["phase"], record["row"], record["seed"]
