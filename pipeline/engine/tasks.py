"""The runs of a plan as tasks for workers: a training with its evaluation, and the runs whose weights it needs."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.evaluation.model_schema import MEMBERS
from pipeline.files.atomic import read_json
from pipeline.files.owner import is_owned
from pipeline.runs import layout
from pipeline.runs.record import read_record
from pipeline.runs.record_files import is_whole
from pipeline.runs.run_files import read_run

ORDER = ("phase1", "phase2", "part1", layout.AVERAGE)
RESULTS = ("model.json", MEMBERS)  # what a training leaves, or an average of outputs


@dataclass(frozen=True)
class Task:
    """A run file; the stages of dvc.yaml that are done with it; the names of the tasks that it needs."""

    path: Path
    spec: dict[str, Any]

    @property
    def place(self) -> tuple[str, str, str, int]:
        """(profile, phase, row, seed)"""
        return self.spec["profile"], self.spec["phase"], self.spec["row"], self.spec["seed"]

    @property
    def name(self) -> str:
        """As `phase2/iteration_3-0`."""
        return f"{self.spec['phase']}/{self.spec['row']}-{self.spec['seed']}"

    @property
    def is_skipped(self) -> bool:
        """Whether plan leaves it out; its stages then only say why."""
        return "skipped" in self.spec

    @property
    def needs(self) -> tuple[str, ...]:
        """The tasks whose weights it starts from, or is an average of."""
        members = [f"phase2/{member['row']}-{member['seed']}" for member in self.spec.get("members", [])]
        start = self.spec.get("start", "encoder")
        return (*members, *([] if start == "encoder" else [f"phase1/{start}-{self.spec['seed']}"]))

    @property
    def start_stage(self) -> str | None:
        return layout.stage_name("start", *self.place) if self.spec["phase"] in layout.START_STAGES else None

    @property
    def stages(self) -> tuple[str, str]:
        """The names of its training stage and its evaluation stage."""
        # In part1 a stage is named by task and mode, a row by both in one.
        task = self.spec["row"].rpartition("_")[0] if self.spec["phase"] == "part1" else None
        return tuple(layout.stage_name(kind, *self.place, task) for kind in ("training", "evaluation"))

    @property
    def record_files(self) -> tuple[Path, Path]:
        return tuple(layout.record_file(kind, *self.place) for kind in ("training", "evaluation"))

    def is_finished(self, record_file: Path) -> bool:
        """Whether this one of `record_files` is of the present run file, finished, and its files and model are here."""
        is_here = any((layout.model(*self.place) / name).is_file() for name in RESULTS)
        return is_finished(record_file, self.path) and (is_here or record_file != self.record_files[0])

    def remove_remains(self) -> None:
        """Of a run that is done, the work folder: a process that was killed in its last moment leaves one."""
        folder = layout.work(read_run(self.path).key)
        if folder.is_dir() and not is_owned(folder):
            shutil.rmtree(folder)

    def find_seconds(self) -> float | None:
        """How long it took the last time, whatever its code was then; None where there is no record of that."""
        try:
            records = [read_record(path) for path in self.record_files]
        except ValueError:
            return None
        return sum(record["end_time"] - record["start_time"] for record in records) / 1000


def list_tasks(profile: str) -> list[Task]:
    """Every run of the profile's plan, skipped ones too, in an order in which a start comes before what needs it.

    Paths are relative to the working folder, which is the project's root. Whole seeds come early; the short runs of
    part 1 come late, where they fill what the long ones leave; averages are last, being of any seeds.
    """
    folder = layout.plan(profile) / "runs"
    tasks = [Task(path, read_json(path)) for path in sorted(folder.glob("*/*.json"))]
    tasks.sort(key=lambda task: (task.spec["seed"], ORDER.index(task.spec["phase"])))
    return sorted(tasks, key=lambda task: task.spec["phase"] == layout.AVERAGE)


def is_finished(record_file: Path, run_path: Path) -> bool:
    """Whether the record is there, finished, with the files that it names, and belongs to the present run file."""
    try:
        record = read_record(record_file)
        return record["run_key"] == read_run(run_path).key and is_whole(record, Path())
    except ValueError:
        return False
