"""What a model and its dev sets are read from, held to the hashes on record: one flipped bit gives other numbers.

Outside of `evaluate` itself, so that a check more is no other run.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.evaluation.model_schema import refuse_outputs
from pipeline.evaluation.saved_model import MODEL_KEYS, TASK_KEYS
from pipeline.files.atomic import read_json
from pipeline.files.digest import hash_file, hash_folder
from pipeline.runs import layout
from pipeline.runs.neutral import TASK, TEXT, TRAIN
from pipeline.runs.record import flatten, read_record
from pipeline.runs.run_files import Run, read_run
from pipeline.runs.run_schema import check_run_file


def check_run(run: Run, root: Path = Path(".")) -> None:
    """Raise `ValueError` unless the token files of `run` are those that its run file names, and its model is its own.

    It names the file, and what brings it back. A run file that is none is a `ValueError` too. An average of outputs has
    no model: its members' weights are checked where they are read.
    """
    check_run_file(run)
    for name, task in run.spec["tasks"].items():
        for split, folder in task["tokens"].items():
            if (found := hash_folder(root / folder)) != (said := task["digests"][split]):
                what = f"the hash of {name}-{split} is {found}, {run.path} says {said}"
                raise _refuse(root / folder, what, layout.stage_name("data", run.spec["profile"], row="tokenize"), root)
    if run.spec.get("average") != "outputs":
        check_model(root / layout.model(*run.place), root, run)


def check_model(folder: Path, root: Path = Path("."), run: Run | None = None) -> bool:
    """Raise `ValueError` unless weights, model.json and vocabulary of a model's folder are what its training left.

    They are compared with `run` and the training's record, where it lies as the layout has it; without either of them
    nothing is known, which gives False. The encoder's own files are checked where they are read.
    """
    refuse_outputs(folder)
    place = Path(folder).absolute()
    record_folder = place.parent.parent / "records" / place.parent.name / place.name
    record = read_record(record_folder / "record.json") if (record_folder / "record.json").is_file() else None
    if run is None and record:
        start = record_folder / "start.json"
        run = read_run(record_folder / "run.json", start_path=start if start.is_file() else None)
        if run.key != record["run_key"]:
            what = f"its key is {run.key}, record.json beside it says {record['run_key']}"
            raise _refuse(run.path, what, _name_stage(run), root)
    if run is None:
        return False
    stage = _name_stage(run)
    for difference in _find_differences(read_json(folder / "model.json"), run):
        raise _refuse(folder / "model.json", difference, stage, root)
    own = record["tags"].get("weights_sha256") if record and record["run_key"] == run.key else None
    files = [(folder / "weights.safetensors", own, record_folder / "record.json", stage)]
    source = root / run.spec["encoder"]["folder"] / "vocab.txt"
    said, where = _find_vocabulary(run, source, root)
    files.append((source, said, where, layout.stage_name("data", run.spec["profile"], row="download")))
    files.append((folder / "vocab.txt", said, where, stage))
    for path, said, where, made_by in files:
        if said and path.is_file() and (found := hash_file(path)) != said:
            raise _refuse(path, f"sha256 is {found}, {where} says {said}", made_by, root)
    return True


def _find_differences(description: Any, run: Run) -> Iterator[str]:
    """What a model.json says otherwise than the run file makes it; options that do nothing may be left out."""
    found, expected = _flatten(description), _flatten(run.spec | {"run_key": run.key})
    for key in sorted({*found, *expected}):
        if key not in found or key not in expected or found[key] != expected[key]:
            yield f"{key}: {found.get(key)!r}, its run file says {expected.get(key)!r}"


def _flatten(said: Any) -> dict[str, Any]:
    """What a model.json holds, of it or of a run file, flat."""
    try:
        tasks = {
            name: {key: value for key, value in (TASK | task).items() if key in TASK_KEYS}
            | {"text": TEXT | task["text"]}
            for name, task in said["tasks"].items()
        }
        train = {key: value for key, value in (TRAIN | said["train"]).items() if key in MODEL_KEYS}
        return flatten({"run_key": said["run_key"], "encoder": said["encoder"], "tasks": tasks, "train": train})
    except (KeyError, TypeError, AttributeError) as error:
        return {f"({type(error).__name__}: {error})": None}


def _find_vocabulary(run: Run, source: Path, root: Path) -> tuple[str | None, Path]:
    """The hash of the vocabulary that a run's tokens were made with, and where that is said.

    The record of tokenizing has it; one from before it did leaves the encoder's own file, `source`.
    """
    path = root / layout.data_record(run.spec["profile"], "tokenize") / "record.json"
    key = f"vocab_sha256.{run.spec['encoder']['name']}"
    if path.is_file() and (said := read_record(path)["params"].get(key)):
        return said, path
    return (hash_file(source) if source.is_file() else None), source


def _name_stage(run: Run) -> str:
    (task, *_) = run.spec["tasks"]
    return layout.stage_name("training", *run.place, task)


def _refuse(path: Path, what: str, stage: str, root: Path) -> ValueError:
    """DVC's cache links to its files: what changed in one changed in the other, and would be brought back."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    inodes = {(file.stat().st_dev, file.stat().st_ino) for file in files}
    cached = [file for file in (root / ".dvc" / "cache").rglob("*") if file.is_file()]
    linked = [file for file in cached if (file.stat().st_dev, file.stat().st_ino) in inodes]
    remove = shlex.join(["rm", "-rf", *map(str, [path, *linked])])
    return ValueError(f"{path}: damaged or changed: {what}. `{remove}; dvc repro {stage}` makes it again")
