"""An archive brought in: its tree becomes part of results/<profile>/imported/, once all in it belongs together."""

import filecmp
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.files.atomic import atomic_folder, read_json
from pipeline.files.owner import own
from pipeline.runs import layout
from pipeline.runs.archive import unpack_archive
from pipeline.runs.index import Index, read_index
from pipeline.runs.record_files import find_artifact, hash_run_files
from pipeline.runs.record_schema import Plan, find_faults
from pipeline.statistics.predictions import read_predictions

NUM_NAMED = 5  # files that a message names


@dataclass(frozen=True)
class Imported:
    """What came in: `num_files` new or changed; `missing` are the records that the tables still wait for."""

    profile: str
    num_files: int
    missing: list[str]


def import_archive(path: Path, root: Path = Path("."), replace: bool = False) -> Imported:
    """Check the archive, then make it part of `layout.imported`, wholly or not at all.

    Files that are there already may be equal; others are a `ValueError`, or with `replace` give way together with
    all that was imported before. The same archive again changes nothing.
    """
    with tempfile.TemporaryDirectory() as temporary:
        unpacked = Path(temporary) / "unpacked"
        unpack_archive(path, unpacked)
        try:
            profile = _name_profile(unpacked / "plan" / "index.json")
            new = Path(temporary) / layout.imported(profile)
            new.parent.mkdir(parents=True)
            unpacked = unpacked.rename(new)
            for fault in _find_faults(read_index(Path(temporary), profile, find_faults), new):
                raise ValueError(fault)
        except ValueError as error:
            raise ValueError(f"{path}: {str(error).replace(f'{unpacked}/', '')}") from None
        with own(Path(root) / layout.WORK / f"import-{profile}"):  # or one of two at once would lose what it brings
            held = Path(root) / layout.imported(profile)
            names, before = _list_tree(new), _list_tree(held)
            changed = [name for name in names if name not in before or not filecmp.cmp(new / name, held / name, False)]
            if (differing := [name for name in changed if name in before]) and not replace:
                raise ValueError(f"{held}: holds other content than {path}: {_name_some(differing)}; "
                                 "--replace puts the archive's in its place")  # fmt: skip
            summary = layout.summary_record("", lambda _: Path()) / "record.json"  # made here, of what was imported
            dropped = [name for name in before if replace and name not in names and name != summary]
            if changed or dropped:
                with atomic_folder(held) as folder:
                    for name in {*before, *names} - {*dropped}:
                        (folder / name).parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile((new if name in names else held) / name, folder / name)
    return Imported(profile, len(changed), read_index(root, profile).missing)


def _name_profile(path: Path) -> str:
    plan = read_json(path)
    for fault in find_faults(plan, Plan):
        raise ValueError(f"{path}: {fault}")
    return plan["profile"]


def _find_faults(index: Index, tree: Path) -> Iterator[str]:
    """What does not belong together, one line each.

    A record has finished and brings the files that it names, a data report apart, which may be where the data is; a
    training's run key is the hash of the run file and start file beside it; an evaluation is of a training that is
    there. Nothing lies about that no record names.
    """
    yield from index.problems
    named = {tree / "plan" / "index.json"}
    for record in index.records:
        place = (record[key] for key in ("kind", "profile", "phase", "row", "seed"))
        path = index.root / layout.record_file(*place, layout.imported)
        files = [find_artifact(name, record, index.root) for name in record["artifacts"]]
        named |= {path, *(file for file in files if file.name != path.name)}  # a record stands for itself
        if record["status"] != "finished":
            yield f"{path}: status: {record['status']!r}; allowed: finished"
        missing = [file for file in files if not file.is_file()]
        if missing and record["kind"] != "data":
            yield f"{path}: names {missing[0]}, which is missing"
        for file in files:
            if "predictions" in file.relative_to(tree).parts and file.is_file():
                read_predictions(file)  # or tables and MLflow would stop at it
    for run in index.runs:
        if run.training and (key := hash_run_files(run.record_folder)) != run.run_key:
            yield f"{run.record_folder / 'record.json'}: run_key: run.json and start.json beside it make {key}"
        if run.evaluation and not run.training:
            yield f"{run.evaluation_file}: run_key: of a training that is not there"
    for name in _list_tree(tree):
        if tree / name not in named:
            yield f"{tree / name}: no record names it"


def _list_tree(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def _name_some(names: Iterable[Path]) -> str:
    texts = [name.as_posix() for name in names]
    rest = f" and {len(texts) - NUM_NAMED} more" if len(texts) > NUM_NAMED else ""
    return ", ".join(texts[:NUM_NAMED]) + rest
