"""What a run of the graph would do: which runs would train, why, and for how long."""

import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pipeline.engine.graph import Graph, repro
from pipeline.engine.lock_file import check
from pipeline.engine.reasons import find_reason
from pipeline.engine.tasks import Task, list_tasks
from pipeline.runs import layout


@dataclass(frozen=True)
class Forecast:
    """The runs to train, with the reason and the seconds (None: unknown) of each; the rest is counted."""

    to_train: list[tuple[Task, str, float | None]]
    num_finished: int
    num_cached: int  # they come from DVC's run cache

    def find_seconds(self, jobs: int) -> float | None:
        """Seconds for all of them, `jobs` at a time; None where nothing like them has been run."""
        known = [seconds for _, _, seconds in self.to_train if seconds is not None]
        return fmean(known) * len(self.to_train) / jobs if known else None


def bring_plan(profile: str) -> None:
    """Bring the plan up to date; where there was none, say that this takes a while."""
    check(Path.cwd())
    if not (layout.plan(profile) / "index.json").exists():
        print("First the data and the encoder are fetched and tokenized, once: some minutes.", file=sys.stderr)
    repro(f"plan@{profile}")


def forecast(profile: str, graph: Graph) -> Forecast:
    """Look at every run of the plan; nothing is trained or written."""
    tasks = list_tasks(profile)
    earlier = {task.name: seconds for task in tasks if (seconds := task.find_seconds()) is not None}
    to_train: list[tuple[Task, str, float | None]] = []
    counts = {"finished": 0, "cached": 0}
    for task in tasks:
        if task.is_skipped:
            continue
        waiting = {other.name for other, _, _ in to_train}
        is_ready = waiting.isdisjoint(task.needs)
        if is_ready and all(task.is_finished(file) for file in task.record_files):
            counts["finished"] += 1
        elif is_ready and graph.is_cached(task.stages[0]):
            counts["cached"] += 1
        else:
            to_train.append((task, find_reason(task, waiting), _expect(task, tasks, earlier)))
    return Forecast(to_train, counts["finished"], counts["cached"])


def _expect(task: Task, tasks: list[Task], earlier: dict[str, float]) -> float | None:
    """As long as it took before; else as its other seeds took, or else the other runs of its phase."""
    for others in (
        [task],
        [other for other in tasks if other.place[:3] == task.place[:3]],
        [other for other in tasks if other.place[:2] == task.place[:2]],
    ):
        known = [earlier[other.name] for other in others if other.name in earlier]
        if known:
            return fmean(known)
    return None
