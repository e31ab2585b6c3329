"""A plan's runs side by side, on whatever workers there are; DVC gets what they leave.

The driver alone schedules, and alone writes dvc.lock. A run starts when what it starts from is there. What DVC has of
it, in the checkout or in its run cache, is not trained again. When a run fails its siblings go on, and what starts from
it does not start. Whatever happens, a run that is finished is in DVC's run cache, so that the same command resumes.
"""

import os
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipeline.engine.graph import Graph
from pipeline.engine.tasks import Task, list_tasks
from pipeline.engine.view import View
from pipeline.files.atomic import write_json
from pipeline.runs import layout
from pipeline.runs.skipped import skip_run
from pipeline.runs.start import make_start

LOGS = layout.WORK / "logs"
SECONDS_BETWEEN_LOOKS = 0.5
NUM_LOG_LINES = 15


class Running(Protocol):
    """A run that somebody works at."""

    task: Task
    name: str
    log: Path
    began: float | None  # by time.monotonic(); None: it waits for a machine

    def poll(self) -> bool | None:
        """None while it runs; then whether it is done, and its outputs lie in this checkout. If not, `log` says why."""


class Workers(Protocol):
    """Who does the runs: processes of this machine (engine/pool.py), or the machines of a Ray cluster (cluster.py)."""

    num: int  # how many runs they do at a time

    def has_room(self, num_running: int) -> bool:
        """Whether they take another run now."""

    def start(self, task: Task) -> Running:
        """Begin with a run. What it starts from is done, and its start file written."""

    def stop(self, running: Collection[Running]) -> None:
        """End these runs, which are not done, and return when they have ended."""


@dataclass
class Outcome:
    """What came of the plan's runs, by the names of their tasks; a run that waits for a failed one is in neither."""

    done: list[str] = field(default_factory=list)  # was there, came from the run cache, or was trained
    failed: dict[str, Path] = field(default_factory=dict)  # and the log that says why


class Parallel:
    """One call of `run` for the plan of a profile, in the working folder, which is the project's root."""

    def __init__(self, profile: str, graph: Graph, workers: Workers) -> None:
        self._graph, self._workers = graph, workers
        self._tasks = list_tasks(profile)
        self._waiting: list[Task] = []
        self._running: list[Running] = []
        self._durations: list[float] = []
        self._view = View()
        self._expected = {task.name: task.find_seconds() for task in self._tasks}
        self._is_interrupted = False
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Do what there is to do.

        After SIGINT or SIGTERM the workers end, what is finished is kept, and it is a `KeyboardInterrupt`.
        """
        before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._waiting = [task for task in self._tasks if self._is_interrupted or not self._is_there(task)]
            self._view.num_tasks = len(self._waiting)
            if self._waiting:
                kept = len(self._tasks) - len(self._waiting)
                self._view.say(f"{len(self._waiting)} runs to train, {kept} are done; {self._workers.num} at a time.")
            while not self._is_interrupted and (self._running or self._start_some()):
                self._view.draw([running for running in self._running if running.began is not None])
                time.sleep(SECONDS_BETWEEN_LOOKS)
                self._reap()
                self._start_some()
        finally:
            self._view.draw([])
            self._workers.stop(self._running)
            self._running.clear()
            self._write_lock()
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._is_interrupted:
            raise KeyboardInterrupt
        return self.outcome

    def _interrupt(self, *_: object) -> None:
        """A signal waits until DVC is not at work, which leaves broken files when it is interrupted."""
        self._is_interrupted = True

    def _is_there(self, task: Task) -> bool:
        """Whether a run needs no worker: it is skipped, finished, or comes from the run cache."""
        if task.is_skipped:
            if task.start_stage:
                write_json(layout.start_file(*_slot(task)), {"skipped": task.spec["skipped"]})
            outputs = ((layout.model, layout.training_record), (layout.predictions, layout.evaluation_record))
            for functions in outputs:
                skip_run(task.path, *functions)
        elif not self._has_needs(task):
            return False  # asked again when it is its turn
        else:
            if task.start_stage:
                write_json(layout.start_file(*_slot(task)), make_start(task.spec))
            for stage, record in zip(task.stages, task.record_files, strict=True):
                if not task.is_finished(record) and not (self._graph.restore(stage) and task.is_finished(record)):
                    return False
            task.remove_remains()
        self.outcome.done.append(task.name)
        return True

    def _has_needs(self, task: Task) -> bool:
        return set(task.needs) <= set(self.outcome.done)

    def _start_some(self) -> bool:
        """Give free workers something to do; whether any is busy."""
        for task in [task for task in self._waiting if self._has_needs(task)]:
            if not self._workers.has_room(len(self._running)):
                break
            self._waiting.remove(task)
            if task.needs and self._is_there(task):
                self._view.end(task.name, "was done", 0.0, self._estimate())
            else:
                self._running.append(self._workers.start(task))
        return bool(self._running)

    def _reap(self) -> None:
        for running in list(self._running):
            if (is_done := running.poll()) is None:
                continue
            self._running.remove(running)
            seconds = _elapsed(running)
            if is_done:
                self._durations.append(seconds)
                self.outcome.done.append(running.name)
                for stage in running.task.stages:
                    self._graph.save(stage)
                running.task.remove_remains()
                self._view.end(running.name, "is done", seconds, self._estimate())
            else:
                self.outcome.failed[running.name] = running.log
                self._view.end(running.name, f"FAILED (see {running.log})", seconds, None)

    def _estimate(self) -> float | None:
        """Seconds until all is done, by how long the runs took before, or else those of now; None: nothing is known."""
        if not self._durations:
            return None
        mean = sum(self._durations) / len(self._durations)
        left = sum(self._expected[task.name] or mean for task in self._waiting)
        for running in self._running:
            left += max(0.0, (self._expected[running.name] or mean) - _elapsed(running))
        return left / self._workers.num

    def _write_lock(self) -> None:
        """A start stage reads all records of the phase before, so its entry has to wait for them."""
        done = [task for task in self._tasks if task.name in self.outcome.done]
        names = [stage for task in done for stage in task.stages]
        for before, phase in (("phase1", "phase2"), ("phase2", layout.AVERAGE)):
            if {task.name for task in self._tasks if task.spec["phase"] == before} <= set(self.outcome.done):
                names += [task.start_stage for task in done if task.spec["phase"] == phase]
        self._graph.write_lock(names)


def find_log(task: Task) -> Path:
    """The file for what a run prints; its folder is made."""
    LOGS.mkdir(parents=True, exist_ok=True)
    return LOGS / f"{task.spec['profile']}-{task.name.replace('/', '-')}.log"


def read_last_lines(log: Path) -> str:
    """The end of a worker's log, without what a progress bar has overwritten."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line.rpartition("\r")[2] for line in lines[-NUM_LOG_LINES:])


def default_jobs() -> int:
    """A worker for each core, up to four: measured on two cores only. With a GPU, one."""
    if os.environ.get("BERTY_DEVICE", "").startswith("cuda") or Path("/dev/nvidia0").exists():
        return 1
    return max(1, min(4, os.cpu_count() or 1))


def _elapsed(running: Running) -> float:
    """Seconds."""
    return 0.0 if running.began is None else time.monotonic() - running.began


def _slot(task: Task) -> tuple[str, str, int]:
    profile, _, row, seed = task.place
    return profile, row, seed
