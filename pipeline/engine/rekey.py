"""A finished run under a new key: record, model and evaluation written anew, as what they were but for the key.

Files are replaced and never edited, since DVC's cache links to them.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from pipeline.files.atomic import atomic_folder, read_json, write_json
from pipeline.runs import layout
from pipeline.runs.code import combine_digests
from pipeline.runs.layout import Tree
from pipeline.runs.record import read_record, write_record
from pipeline.runs.run_files import Run

ORIGINAL_KEY = "original_key"  # the tag by which MLflow's run stays the same
VOUCHED = "vouched"


def rekey(run: Run, root: Path, tree: Tree, note: str) -> None:
    """Put what was computed under an older run file under the key of `run`; `note` says what vouches for it.

    The results are those in `tree`; the model comes along where it is there, and the evaluation where it is of this
    training: one that was left by a training before has to be done again.
    """
    folder = root / layout.training_record(*run.place, tree)
    before = read_record(folder / "record.json")
    record = _renew(before, run, note)
    record["params"] = {key: value for key, value in record["params"].items() if not key.startswith("packages.")}
    record["params"] |= {f"packages.{name}": version for name, version in run.spec["packages"].items()}
    record["params"]["code"] = combine_digests(run.spec["code"])[:16]
    model, evaluation = (root / place(*run.place, tree) for place in (layout.model, layout.evaluation_record))
    if (model / "model.json").is_file():
        description = read_json(model / "model.json") | {"run_key": run.key}
        with atomic_folder(model) as temporary:
            _link_files(model, temporary, leave_out={"model.json"})
            write_json(temporary / "model.json", description)
    evaluated = read_record(evaluation / "record.json") if (evaluation / "record.json").is_file() else None
    if evaluated and evaluated["run_key"] == before["run_key"]:
        evaluated = _renew(evaluated, run, note)
        with atomic_folder(evaluation) as temporary:
            write_record(temporary / "record.json", evaluated)
    with atomic_folder(folder) as temporary:  # last: a record with the new key says that all is done
        _link_files(folder, temporary, leave_out={"record.json", "run.json", "start.json"})
        shutil.copyfile(run.path, temporary / "run.json")
        if run.start_path:
            shutil.copyfile(run.start_path, temporary / "start.json")
        write_record(temporary / "record.json", record)


def _renew(record: dict[str, Any], run: Run, note: str) -> dict[str, Any]:
    original = record["tags"].get(ORIGINAL_KEY, record["run_key"])
    return record | {"run_key": run.key, "tags": record["tags"] | {ORIGINAL_KEY: original, VOUCHED: note}}


def _link_files(source: Path, target: Path, leave_out: set[str]) -> None:
    for path in source.iterdir():
        if path.is_file() and path.name not in leave_out:
            os.link(path.resolve(), target / path.name)
