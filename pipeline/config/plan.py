"""The plan of a profile: its index for people and tables, its run files for training, its commands in order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.combine import COMBINERS
from model.heads import HEADS, TaskShape
from pipeline.config.params import scheduled_tasks
from pipeline.config.runs import make_runs, row_tasks
from pipeline.config.schema import Params, Task
from pipeline.files.atomic import atomic_folder, write_json
from pipeline.runs import layout


def write_plan(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.plan(profile)`: index.json, commands.json and runs/<phase>/<row>-<seed>.json.

    A head or a combination that model/ does not have is a `ValueError`: nothing trains before every row is checked.
    """
    if faults := list(find_unknown_kinds(params)):
        raise ValueError("\n".join(f"params.yaml: {fault}" for fault in faults))
    runs = list(make_runs(params, profile, root))
    with atomic_folder(root / layout.plan(profile)) as folder:
        write_json(folder / "index.json", make_index(params, profile))
        write_json(folder / "commands.json", make_commands(runs, profile))
        for run in runs:
            write_json(folder / "runs" / run["phase"] / f"{run['row']}-{run['seed']}.json", run)


def find_unknown_kinds(params: Params) -> Iterator[str]:
    """Names of heads and combinations that model's registries do not have, or that do not fit their task."""
    for name, task in params.tasks.items():
        yield from _check_head(f"tasks.{name}.head", task.head, task)
    for section in ("phase1", "iterations"):
        for name, row in getattr(params, section).items():
            for task, kind in row.heads.items():
                yield from _check_head(f"{section}.{name}.heads.{task}", kind, params.tasks[task])
            for number, leg in enumerate(row.schedule):
                if leg.combine not in COMBINERS:
                    where = f"{section}.{name}.schedule.{number}.combine"
                    yield f"{where}: {leg.combine!r} is unknown; allowed: {', '.join(COMBINERS)}"


def _check_head(where: str, kind: str, task: Task) -> Iterator[str]:
    fitting = [name for name, head in HEADS.items() if TaskShape(len(task.sentences), task.num_classes).fits(head)]
    if kind not in fitting:
        yield f"{where}: {kind!r} does not fit; allowed for this task: {', '.join(fitting)}"


def make_index(params: Params, profile: str) -> dict[str, Any]:
    """What the report shows: rows in order, their notes, controls and the paper's values."""
    row, encoder = params.profiles[profile], params.encoders[params.profiles[profile].encoder]
    part1 = [
        {
            "row": f"{task}_{name}",
            "tasks": [task],
            "paper": {task: mode.paper[task]} if task in mode.paper else {},
        }
        for task in params.part1.tasks
        for name, mode in params.part1.modes.items()
    ]
    phase2 = [
        {
            "row": name,
            "tasks": [task for task in params.tasks if task in row_tasks(iteration)],  # the tables' order of columns
            "note": iteration.note,
            "control": iteration.control,
            "paper": iteration.paper,
        }
        for name, iteration in params.iterations.items()
    ]
    return {
        "profile": profile,
        "description": row.note,
        "encoder": row.encoder,
        "caveats": [text for text in (encoder.caveat, row.caveat) if text],
        "seeds": params.seeds,
        "tasks": {name: {"metric": task.metric} for name, task in params.tasks.items()},
        "part1": part1,
        "phase1": [{"row": name, "tasks": scheduled_tasks(recipe.schedule)} for name, recipe in params.phase1.items()],
        "phase2": phase2,
        "figures": params.figures.model_dump(),
    }


def make_commands(runs: list[dict[str, Any]], profile: str) -> list[dict[str, str]]:
    """The commands of dvc.yaml after plan, in an order that gives whole seeds early; a test holds them to DVC's.

    For machines without DVC. `done` is the file that says that a command's work is there.
    """
    commands = []
    for run in runs:
        phase, row, seed = run["phase"], run["row"], run["seed"]
        place = (profile, phase, row, seed)
        (task, *_) = run["tasks"]
        path = layout.run_file(*place)
        if phase == "phase2":
            start = layout.start_file(profile, row, seed).as_posix()
            command = f"python -m stages.start --run {path}"
            commands.append({"stage": layout.stage_name("start", *place), "command": command, "done": start})
        for kind, module in (("training", "train"), ("evaluation", "evaluate")):
            done = layout.record_file(kind, *place).as_posix()
            command = f"python -m stages.{module} --run {path}"
            commands.append({"stage": layout.stage_name(kind, *place, task), "command": command, "done": done})
    summary = (layout.summary_record(profile) / "record.json").as_posix()
    command = f"python -m stages.report --profile {profile}"
    commands.append({"stage": layout.stage_name("summary", profile), "command": command, "done": summary})
    return commands
