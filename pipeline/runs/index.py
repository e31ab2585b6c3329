"""Which runs of a profile there are, from where and in which state: the one answer, read from plan, records and events.

Standard library only: training, the report and machines without DVC reach it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json
from pipeline.files.forms import NAME, check, fields, list_of, mapping, number, optional, text, whole
from pipeline.runs import layout
from pipeline.runs.layout import Tree
from pipeline.runs.record_files import IMPORTED_TAG, Record, list_record_files, read_in_place, read_live, tree_of

Slot = tuple[str, str, int]  # phase, row, seed
SEEDS = list_of(whole(), 0, 10_000)
TEXTS = list_of(text())
ROW = {"row": text(NAME), "seeds": SEEDS, "tasks": TEXTS, "note": text(), "control": optional(text()), "start": text()}
ROW |= {"paper": mapping(number()), "keep": text(), "encoder": text(), "average": text(), "of": TEXTS}
ROWS = list_of(fields(ROW, may_lack=ROW.keys() - {"row"}, others=True), 0, 10_000)
SAID = {"profile": text(), "description": text(), "encoder": text(), "caveats": TEXTS}
SAID |= {"tasks": mapping(fields({"metric": text()}, others=True)), "figures": mapping(optional(text()))}
PLAN = fields({"seeds": SEEDS} | dict.fromkeys(layout.PHASES, ROWS) | SAID, may_lack=SAID, others=True)


@dataclass(frozen=True)
class IndexedRun:
    """What there is of a row and a seed under one run key: its records, or the events of a training that goes on."""

    root: Path
    profile: str
    phase: str
    row: str
    seed: int
    run_key: str | None  # None: planned, and nothing of it is there yet
    is_planned: bool  # it is the one that tables are made of
    training: Record | None = None
    evaluation: Record | None = None
    live: Record | None = None

    @property
    def state(self) -> str:
        """planned, running, trained (not evaluated), finished, or as its training ended: killed or failed."""
        if self.training is None:
            return self.live["status"] if self.live else "planned"
        if self.training["status"] != "finished":
            return self.training["status"]
        return "finished" if self.evaluation and self.evaluation["status"] == "finished" else "trained"

    @property
    def records(self) -> list[Record]:
        """Its records, the training first."""
        return [record for record in (self.training, self.evaluation) if record]

    @property
    def slot(self) -> Slot:
        return self.phase, self.row, self.seed

    @property
    def tree(self) -> Tree:
        return tree_of(self.records[0]) if self.records else layout.artifacts

    @property
    def is_imported(self) -> bool:
        """Whether it was trained elsewhere."""
        return self.tree is layout.imported

    @property
    def model(self) -> Path:
        """The folder of its weights; they do not come with an import."""
        return self.root / layout.model(self.profile, *self.slot, self.tree)

    @property
    def record_folder(self) -> Path:
        """The folder of its training record, run file and history."""
        return self.root / layout.training_record(self.profile, *self.slot, self.tree)

    @property
    def evaluation_file(self) -> Path:
        """Where the record of its evaluation lies or would lie."""
        return self.root / layout.evaluation_record(self.profile, *self.slot, self.tree) / "record.json"

    @property
    def predictions(self) -> Path | None:
        """The folder of its predictions, None where they are not here.

        A revision from before predictions were an artifact (record version 1) has them below results/.
        """
        tree = tree_of(self.evaluation) if self.evaluation else self.tree
        folder = self.root / layout.predictions(self.profile, *self.slot, tree)
        if not (self.root / tree(self.profile) / "predictions").is_dir():
            folder = self.root / layout.predictions(self.profile, *self.slot, layout.results)
        return folder if folder.is_dir() else None


@dataclass(frozen=True)
class Index:
    """All that there is of a profile. `runs` begins with plan's, one for each row and seed, in plan's order."""

    root: Path
    profile: str
    plan: dict[str, Any] | None  # its index.json; without one every run counts as planned
    tree: Tree  # where the plan lies
    runs: tuple[IndexedRun, ...]
    data: tuple[Record, ...]
    summary: Record | None
    problems: tuple[str, ...]  # one line for each file of plan and records that cannot be read

    @property
    def planned(self) -> list[IndexedRun]:
        """The runs that tables are made of."""
        return [run for run in self.runs if run.is_planned]

    @property
    def records(self) -> list[Record]:
        """Every record; one that was imported has the tag `IMPORTED_TAG`."""
        rest = [*self.data, *([self.summary] if self.summary else [])]
        return [record for run in self.runs for record in run.records] + rest

    @property
    def missing(self) -> list[str]:
        """The records that plan asks for and that are not there, as `eval_phase2/iteration_3-0`."""
        return [
            f"{part}{run.phase}/{run.row}-{run.seed}"
            for run in self.planned
            for part, record in (("", run.training), ("eval_", run.evaluation))
            if record is None or record["status"] != "finished"
        ]


def read_index(root: Path, profile: str, find_faults: Callable[[Record], list[str]] = lambda record: []) -> Index:
    """Read what there is of a profile, here and imported; what `find_faults` has to say of a record is a problem too.

    A local record goes before an imported one of the same kind and run key. Of two runs of a row and seed, that with
    a training goes before that without, and the local before the imported.
    """
    root, problems = Path(root), []
    plan, plan_tree = None, layout.artifacts
    if any((root / layout.plan(profile, tree) / "index.json").exists() for tree in layout.TREES):
        try:
            plan, plan_tree = read_plan(root, profile)
        except (ValueError, OSError) as error:
            problems.append(str(error))
    records: dict[tuple[str, str], Record] = {}
    for path, tree in list_record_files(root, profile):
        try:
            record = read_in_place(path, root, tree, find_faults)
        except (ValueError, OSError) as error:  # also one that may not be read
            problems.append(str(error))
        else:
            records.setdefault((record["kind"], record["run_key"]), record)
    live, _ = read_live(root, {key for kind, key in records if kind == "training"})
    parts: dict[Slot, dict[str, dict[str, Record]]] = {}
    for record in records.values():
        if record["kind"] in ("training", "evaluation"):
            _keys(parts, record)[record["kind"]] = record
    for record in live:
        if record["profile"] == profile and record["kind"] == "training":
            _keys(parts, record)["live"] = record
    by_kind = {kind: [record for record in records.values() if record["kind"] == kind] for kind in ("data", "summary")}
    return Index(
        root, profile, plan, plan_tree,
        runs=tuple(_order_runs(root, profile, plan, parts)),
        data=tuple(by_kind["data"]),
        summary=next(iter(by_kind["summary"]), None),
        problems=tuple(problems),
    )  # fmt: skip


def _keys(parts: dict[Slot, dict[str, dict[str, Record]]], record: Record) -> dict[str, Record]:
    slot = (record["phase"], record["row"], record["seed"])
    return parts.setdefault(slot, {}).setdefault(record["run_key"], {})


def _order_runs(
    root: Path, profile: str, plan: dict[str, Any] | None, parts: dict[Slot, dict[str, dict[str, Record]]]
) -> Iterator[IndexedRun]:
    planned = dict.fromkeys(parts if plan is None else list_planned(plan))
    rest = []
    for slot in planned | dict.fromkeys(parts):
        by_key = sorted(parts.get(slot, {}).items(), key=lambda item: _rank(item[1])) or [(None, {})]
        runs = [IndexedRun(root, profile, *slot, key, slot in planned and place == 0, **found)
                for place, (key, found) in enumerate(by_key)]  # fmt: skip
        yield from (run for run in runs if run.is_planned)
        rest += [run for run in runs if not run.is_planned]
    yield from rest


def _rank(found: dict[str, Record]) -> tuple[bool, bool, bool]:
    first = found.get("training") or found.get("evaluation")
    return "training" not in found, first is None, first is not None and IMPORTED_TAG in first["tags"]


def read_plan(root: Path, profile: str) -> tuple[dict[str, Any], Tree]:
    """Plan's index.json and the tree it lies in, the local one first; without either a `ValueError` names the file."""
    paths = {tree: Path(root) / layout.plan(profile, tree) / "index.json" for tree in layout.TREES}
    tree = next((tree for tree, path in paths.items() if path.is_file()), layout.artifacts)
    plan = read_json(paths[tree])
    check(plan, PLAN, f"{paths[tree]}: not plan's index")
    return plan, tree


def find_row(plan: dict[str, Any] | None, phase: str, row: str) -> dict[str, Any]:
    """The entry of a row in a plan's index, with its `position` among the phase's; empty where it has none."""
    rows = enumerate(plan.get(layout.table(phase), []) if plan else [])
    return next((entry | {"position": position} for position, entry in rows if entry["row"] == row), {})


def list_planned(plan: dict[str, Any]) -> list[Slot]:
    """(phase, row, seed) of every run that a plan's index lists, in order."""
    return [
        (layout.AVERAGE if "average" in row else phase, row["row"], seed)
        for phase in layout.PHASES
        for row in plan[phase]
        for seed in row.get("seeds", plan["seeds"])
    ]
