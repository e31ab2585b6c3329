"""Workers of one machine: a process for each run, on its own share of the cores, in this checkout."""

import os
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.engine.parallel import default_jobs, find_log
from pipeline.engine.tasks import Task

SECONDS_TO_STOP = 10


@dataclass
class Worker:
    """A run's process."""

    task: Task
    slot: int
    log: Path
    process: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        return self.task.name

    def poll(self) -> bool | None:
        """None while it runs, then whether it is done."""
        code = self.process.poll()
        return None if code is None else code == 0


class Pool:
    """`jobs` workers at most; None: as many as `default_jobs` finds good. Each calls `module` with a run file."""

    def __init__(self, jobs: int | None, module: str = "pipeline.engine.worker") -> None:
        if jobs is not None and jobs < 1:
            raise ValueError(f"--jobs {jobs}: allowed: 1 or more")
        self.num, self._module = jobs or default_jobs(), module
        self._workers: list[Worker] = []

    def has_room(self, num_running: int) -> bool:
        return num_running < self.num

    def start(self, task: Task) -> Worker:
        """Start a worker's process on its own share of the cores; what it prints goes to a file in .work/logs."""
        self._workers = [worker for worker in self._workers if worker.process.poll() is None]
        slot = min(set(range(self.num)) - {worker.slot for worker in self._workers})
        cores = (
            sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
        )
        share = cores[slot * len(cores) // self.num : (slot + 1) * len(cores) // self.num] or cores
        environment = os.environ | {"BERTY_THREADS": os.environ.get("BERTY_THREADS", str(len(share)))}
        log = find_log(task)
        command = ["python", "-m", self._module, task.path.as_posix()]  # as in dvc.yaml
        with log.open("wb") as file:
            # A session of its own: an interrupt at the terminal reaches the driver alone, which then stops its workers.
            process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, share)
        self._workers.append(Worker(task, slot, log, process))
        return self._workers[-1]

    def stop(self, running: Collection[Worker]) -> None:
        """Ask the processes to end, and kill those that do not."""
        for worker in running:
            worker.process.terminate()
        for worker in running:
            try:
                worker.process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                worker.process.kill()
