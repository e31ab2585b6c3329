"""What a training run writes beside its checkpoints: its event file while it runs, its model and record at the end."""

import csv
import shutil
from pathlib import Path
from typing import Any

import torch

from model.multitask import MultitaskModel
from pipeline.evaluation.saved_model import save_model
from pipeline.files.atomic import atomic_folder
from pipeline.files.digest import hash_file
from pipeline.runs import layout
from pipeline.runs.code import combine_digests
from pipeline.runs.events import EventLog, read_events
from pipeline.runs.record import build_record, write_record
from pipeline.runs.run_files import Run
from pipeline.runs.versions import check_versions
from pipeline.training.checkpoint import State
from pipeline.training.task_data import TaskData

HISTORY_COLUMNS = ("leg", "epoch", "step", "split", "task", "metric", "value")


def start_log(path: Path, run: Run, data: dict[str, TaskData], device: torch.device) -> EventLog:
    """Begin the event file of a run: its params, where it runs, and its datasets with their digests."""
    log = open_log(path, run, _params_to_log(run.spec), device)
    for name, task in data.items():
        for split, used in (("train", len(task.train_indices)), ("dev", task.splits["dev"].num_examples)):
            log_tokens(log, run, name, split, used)
    return log


def open_log(path: Path, run: Run, params: dict[str, Any], device: torch.device) -> EventLog:
    """Begin the event file of a run: `params` with its start, where it runs, and its encoder."""
    spec, encoder = run.spec, run.spec["encoder"]
    log = EventLog.start(path, run.identity("training"))
    log.params(params | ({"start": run.start} if run.start else {}))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    log.tags({"encoder": encoder["name"], "device": name})
    log.tags({"num_threads": str(torch.get_num_threads()), "num_resumed": "0"})
    planned = spec["packages"]
    if others := [f"{name} {version}, not {planned[name]}" for name, version in check_versions(planned).items()]:
        log.tags({"versions": "; ".join(others)})  # where any may train: a machine that is not ours
    log.dataset(encoder["name"], encoder["sha256"], encoder["folder"], 1, "encoder")
    return log


def log_tokens(log: EventLog, run: Run, task: str, split: str, num_examples: int) -> None:
    """Note a split of a task with its digest."""
    said = run.spec["tasks"][task]
    log.dataset(f"{task}-{split}", said["digests"][split], said["tokens"][split], num_examples, split)


def resume_log(path: Path, content: bytes) -> EventLog:
    """Put the event file back to where the checkpoint stood, and count the resumption."""
    log = EventLog.resume(path, content)
    log.tags({"num_resumed": str(1 + int(build_record(read_events(path))["tags"]["num_resumed"]))})
    return log


def write_outputs(run: Run, state: State, log: EventLog, events: Path, root: Path) -> None:
    """Write the model, then the record with history.csv: a record that is there says that the model is."""
    write_weights(run, state.model, log, root)
    write_training_record(run, state.progress.history, log, events, root)


def write_weights(run: Run, model: MultitaskModel, log: EventLog, root: Path) -> None:
    """Write the model's folder, and its weights' hash to the log."""
    folder = layout.model(*run.place)
    save_model(root / folder, model, run.spec, run.key, root)
    weights = folder / "weights.safetensors"
    log.tags({"weights": weights.as_posix(), "weights_sha256": hash_file(root / weights)})


def write_training_record(run: Run, history: list[dict], log: EventLog, events: Path, root: Path) -> None:
    """End the log, and write the record of its events with history.csv and the run's files."""
    folder = layout.training_record(*run.place)
    run_files = {"run.json": run.path} | ({"start.json": run.start_path} if run.start_path else {})
    for name in ("history.csv", *run_files):
        log.artifact(folder / name)
    log.finish()
    with atomic_folder(root / folder) as temporary:
        write_record(temporary / "record.json", build_record(read_events(events)))
        with (temporary / "history.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HISTORY_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(history)
        for name, path in run_files.items():
            shutil.copyfile(path, temporary / name)


def _params_to_log(spec: dict[str, Any]) -> dict[str, Any]:
    """The run file without what the record says elsewhere: identity, hashes, paths."""
    kept = ("head", "metric", "max_train")
    legs = {
        f"leg_{number + 1}": {key: ",".join(value) if key == "tasks" else value for key, value in leg.items()}
        for number, leg in enumerate(spec["schedule"])
    }
    return {
        **{key: spec[key] for key in ("train", "curve_examples", "packages")},
        "code": combine_digests(spec["code"])[:16] if isinstance(spec["code"], dict) else spec["code"],
        "encoder": spec["encoder"]["name"],
        "tasks": {name: {key: task[key] for key in kept} for name, task in spec["tasks"].items()},
        "schedule": legs,
    }
