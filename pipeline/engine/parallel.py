"""A plan's runs side by side: `jobs` workers, each with its own share of the cores; DVC gets what they leave.

A run starts when what it starts from is there. What DVC has of it, in the checkout or in its run cache, is not trained
again. When a run fails its siblings go on, and what starts from it does not start. Whatever happens, a run that is
finished is in DVC's run cache, so that the same command resumes.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.engine.graph import Graph
from pipeline.engine.tasks import Task, list_tasks
from pipeline.engine.view import View
from pipeline.files.atomic import write_json
from pipeline.runs import layout
from pipeline.runs.skipped import skip_run
from pipeline.runs.start import make_start

LOGS = layout.WORK / "logs"
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_STOP = 10
NUM_LOG_LINES = 15


@dataclass
class Running:
    """A worker's process."""

    task: Task
    slot: int
    log: Path
    process: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        return self.task.name


@dataclass
class Outcome:
    """What came of the plan's runs, by the names of their tasks; a run that waits for a failed one is in neither."""

    done: list[str] = field(default_factory=list)  # was there, came from the run cache, or was trained
    failed: dict[str, Path] = field(default_factory=dict)  # and the log that says why
    is_interrupted: bool = False


class Parallel:
    """One call of `run` for the plan of a profile, in the working folder, which is the project's root."""

    def __init__(self, profile: str, jobs: int, graph: Graph) -> None:
        self._graph, self._jobs = graph, jobs
        self._tasks = list_tasks(profile)
        self._waiting: list[Task] = []
        self._running: list[Running] = []
        self._durations: list[float] = []
        self._view = View()
        self._expected = {task.name: task.find_seconds() for task in self._tasks}
        self._is_interrupted = False
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Do what there is to do. After `interrupt` the workers end, and what is finished is kept."""
        try:
            self._waiting = [task for task in self._tasks if self._is_interrupted or not self._is_there(task)]
            self._view.num_tasks = len(self._waiting)
            if self._waiting:
                kept = len(self._tasks) - len(self._waiting)
                self._view.say(f"{len(self._waiting)} runs to train, {kept} are done; {self._jobs} at a time.")
            while not self._is_interrupted and (self._running or self._start_some()):
                self._view.draw(self._running)
                time.sleep(SECONDS_BETWEEN_LOOKS)
                self._reap()
                self._start_some()
        finally:
            self._view.draw([])
            self._stop()
            self._write_lock()
        self.outcome.is_interrupted = self._is_interrupted
        return self.outcome

    def interrupt(self, *_: object) -> None:
        """For a signal: it waits until DVC is not at work, which leaves broken files when it is interrupted."""
        self._is_interrupted = True

    def _is_there(self, task: Task) -> bool:
        """Whether a run needs no worker: it is skipped, finished, or comes from the run cache."""
        if task.is_skipped:
            if task.start_stage:
                write_json(layout.start_file(*_slot(task)), {"skipped": task.spec["skipped"]})
            outputs = ((layout.model, layout.training_record), (layout.predictions, layout.evaluation_record))
            for functions in outputs:
                skip_run(task.path, *functions)
        elif task.needs and task.needs not in self.outcome.done:
            return False  # asked again when it is its turn
        else:
            if task.start_stage:
                write_json(layout.start_file(*_slot(task)), make_start(task.spec))
            for stage, record in zip(task.stages, task.record_files, strict=True):
                if not task.is_finished(record) and not (self._graph.restore(stage) and task.is_finished(record)):
                    return False
        self.outcome.done.append(task.name)
        return True

    def _start_some(self) -> bool:
        """Give free workers something to do; whether any is busy."""
        free = [slot for slot in range(self._jobs) if slot not in {running.slot for running in self._running}]
        for task in [task for task in self._waiting if task.needs is None or task.needs in self.outcome.done]:
            if not free:
                break
            self._waiting.remove(task)
            if task.needs and self._is_there(task):
                self._view.end(task.name, "was done", 0.0, self._estimate())
            else:
                self._running.append(start_worker(task, free.pop(0), self._jobs))
        return bool(self._running)

    def _reap(self) -> None:
        for running in [running for running in self._running if running.process.poll() is not None]:
            self._running.remove(running)
            seconds = time.monotonic() - running.began
            if running.process.returncode == 0:
                self._durations.append(seconds)
                self.outcome.done.append(running.name)
                for stage in running.task.stages:
                    self._graph.save(stage)
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
            left += max(0.0, (self._expected[running.name] or mean) - (time.monotonic() - running.began))
        return left / self._jobs

    def _stop(self) -> None:
        for running in self._running:
            running.process.terminate()
        for running in self._running:
            try:
                running.process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                running.process.kill()
        self._running.clear()

    def _write_lock(self) -> None:
        """A start stage reads all of phase 1's records, so its entry has to wait for them."""
        done = [task for task in self._tasks if task.name in self.outcome.done]
        names = [stage for task in done for stage in task.stages]
        if {task.name for task in self._tasks if task.spec["phase"] == "phase1"} <= set(self.outcome.done):
            names += [task.start_stage for task in done if task.start_stage]
        self._graph.write_lock(names)


def start_worker(task: Task, slot: int, jobs: int) -> Running:
    """Start a worker's process on its own share of the cores; what it prints goes to a file in .work/logs."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    share = cores[slot * len(cores) // jobs : (slot + 1) * len(cores) // jobs] or cores
    environment = os.environ | {"BERTY_THREADS": os.environ.get("BERTY_THREADS", str(len(share)))}
    log = LOGS / f"{task.spec['profile']}-{task.name.replace('/', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pipeline.engine.worker", task.path.as_posix()]
    with log.open("wb") as file:
        # A session of its own: an interrupt at the terminal reaches the driver alone, which then stops its workers.
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, share)
    return Running(task, slot, log, process)


def read_last_lines(log: Path) -> str:
    """The end of a worker's log, without what a progress bar has overwritten."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line.rpartition("\r")[2] for line in lines[-NUM_LOG_LINES:])


def default_jobs() -> int:
    """A worker for each core, up to four: measured on two cores only. With a GPU, one."""
    if os.environ.get("BERTY_DEVICE", "").startswith("cuda") or Path("/dev/nvidia0").exists():
        return 1
    return max(1, min(4, os.cpu_count() or 1))


def _slot(task: Task) -> tuple[str, str, int]:
    profile, _, row, seed = task.place
    return profile, row, seed
