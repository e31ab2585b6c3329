"""A whole comparison: verdicts, what only the present side has, the floors, and what must not have collapsed."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.config.schema import Gate, Params, Profile
from pipeline.gate.cells import Cell, join, list_extra, list_files
from pipeline.gate.collapse import Collapse, find_collapses
from pipeline.gate.verdicts import VERDICTS, Verdict, judge
from pipeline.statistics.samples import measure

Runs = Collection[tuple[str, str, int]]  # phase, row, seed


@dataclass(frozen=True)
class Floor:
    """The lowest mean score that a profile accepts of a row, whatever its baseline."""

    row: str
    task: str
    floor: float
    score: float
    is_collapsed: bool = False  # in any seed

    @property
    def is_kept(self) -> bool:
        return self.score >= self.floor


@dataclass(frozen=True)
class Comparison:
    """Two states of the results, compared; paths are as they were given."""

    baseline: str
    current: str
    verdicts: list[Verdict]
    extra: list[str]  # phase/row/task that only the present side has
    floors: list[Floor]
    collapses: list[Collapse] = field(default_factory=list)  # of the present side, whatever the baseline

    @property
    def is_regressed(self) -> bool:
        """Whether anything is regressed, below its floor, or collapsed where that is not allowed."""
        passed = [*(floor.is_kept for floor in self.floors), *(found.is_allowed for found in self.collapses)]
        return self.counts["regressed"] > 0 or not all(passed)

    @property
    def counts(self) -> dict[str, int]:
        """How many cells have each verdict, the worst first."""
        counts = Counter(verdict.verdict for verdict in self.verdicts)
        return {name: counts[name] for name in VERDICTS}

    @property
    def num_changed(self) -> int:
        """The comparisons that Holm's correction counts."""
        return sum(verdict.smallest_drop is not None for verdict in self.verdicts)


def compare(
    baseline: Path,
    current: Path,
    params: Params,
    runs: Runs | None = None,
    profile: Profile | None = None,
) -> Comparison:
    """Compare two folders of predictions; of the current one only `runs`, where they are given.

    `profile` has floors, cells that may collapse, and expectations of its own. What cannot be compared is a
    `ValueError` that says why.
    """
    before, after = list_files(baseline), list_files(current, runs)
    unknown = sorted({task for _, _, task in before} - set(params.tasks))
    if unknown:
        raise ValueError(f"{baseline}: tasks that params.yaml lacks: {', '.join(unknown)}; "
                         f"allowed: {', '.join(params.tasks)}")  # fmt: skip
    cells = join(before, after)
    metrics = {name: task.metric for name, task in params.tasks.items()}
    verdicts = judge(cells, metrics, *expectations(params.gate, metrics, profile))
    floors = profile.floors if profile else {}
    running = {row: by_task for row, by_task in floors.items() if row in params.rows or row not in params.iterations}
    kept = list(_check_floors(cells, metrics, running))
    collapses = list(find_collapses(after, metrics, profile)) if profile else []
    return Comparison(str(baseline), str(current), verdicts, list_extra(before, after), kept, collapses)


def expectations(
    gate: Gate, tasks: Iterable[str], profile: Profile | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """The margin and the expected seed deviation of every task, the latter the profile's own where it has one."""
    expected = gate.seed_sd | (profile.seed_sd if profile else {})
    margins = {task: gate.margins.get(task, gate.default_margin) for task in tasks}
    return margins, {task: expected.get(task, gate.default_seed_sd) for task in tasks}


def _check_floors(cells: list[Cell], metrics: dict[str, str], floors: dict[str, dict[str, float]]) -> Iterator[Floor]:
    samples = {(cell.row, cell.task): cell for cell in cells if cell.phase != "phase1"}
    for row, by_task in floors.items():
        for task, floor in by_task.items():
            if (row, task) not in samples:
                raise ValueError(f"the profile's floors: {row}.{task}: no predictions of it")
            cell = samples[row, task]
            sample = measure(metrics[task], cell.labels_N, cell.current_SN)
            yield Floor(row, task, floor, sample.mean, bool(sample.collapsed_S.any()))
