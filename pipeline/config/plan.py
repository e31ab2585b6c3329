"""The plan of a profile: its index for people and tables, its run files for training, its commands in order."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.config.averages import find_average_faults, find_seed_faults, find_unfair_controls, make_averages
from pipeline.config.choices import find_choice_faults
from pipeline.config.pseudo_labels import find_pseudo_label_faults
from pipeline.config.runs import make_runs
from pipeline.config.schema import Params, Recipe
from pipeline.config.selection import (
    choose_profile,
    find_missing_tasks,
    list_encoders,
    list_recipes,
    list_rows,
    list_seeds,
    row_tasks,
)
from pipeline.config.trainings import Training, find_training_faults, list_trainings, read_facts
from pipeline.data.encoders import EncoderFacts
from pipeline.files.atomic import atomic_folder, write_json
from pipeline.runs import layout


def write_plan(params: Params, profile: str, root: Path = Path(".")) -> None:
    """Write `layout.plan(profile)`: index.json, commands.json and runs/<phase>/<row>-<seed>.json.

    Whatever does not fit together is one `ValueError` with a line for each fault: nothing trains before every row is
    checked.
    """
    check_rows(params, profile)
    facts = read_facts(params, profile, root)
    trainings = fit_trainings(params, profile, facts)
    averages = make_averages(params, profile, trainings)
    _refuse(chain(find_average_faults(averages, facts), find_unfair_controls(trainings, averages)))
    runs = list(make_runs(params, profile, trainings, averages, facts, root))
    with atomic_folder(root / layout.plan(profile)) as folder:
        write_json(folder / "index.json", make_index(params, profile))
        write_json(folder / "commands.json", make_commands([run for run in runs if "skipped" not in run], profile))
        for run in runs:
            write_json(folder / "runs" / run["phase"] / f"{run['row']}-{run['seed']}.json", run)


def check_rows(params: Params, profile: str) -> None:
    """Refuse what can be seen to be wrong before any file is there; the errors are those of `write_plan`."""
    choose_profile(params, profile)
    faults = [*find_choice_faults(params), *find_pseudo_label_faults(params), *find_missing_tasks(params, profile)]
    _refuse([*faults, *find_seed_faults(params, profile)])


def fit_trainings(params: Params, profile: str, facts: dict[str, EncoderFacts]) -> list[Training]:
    """Every training of a profile; what does not fit together is an error as in `write_plan`."""
    trainings = list(list_trainings(params, profile, facts))
    _refuse(find_training_faults(trainings, facts))
    return trainings


def _refuse(faults: Iterable[str]) -> None:
    if lines := [f"params.yaml: {fault}" for fault in faults]:
        raise ValueError("\n".join(lines))


def make_index(params: Params, profile: str) -> dict[str, Any]:
    """What the report shows: rows in order, their seeds, notes, controls and the paper's values."""
    row, recipes, figures = params.profiles[profile], list_recipes(params, profile), params.figures
    caveats = [params.encoders[name].caveat for name in list_encoders(params, profile)]
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
            "start": iteration.start,
            **_describe_training(params, profile, "phase2", name, iteration),
            **({"encoder": iteration.encoder} if iteration.encoder not in (None, row.encoder) else {}),
        }
        for name, iteration in list_rows(params).items()
    ]
    phase2 += [_describe_average(params, profile, name, phase2) for name in params.averages]
    return {
        "profile": profile,
        "description": row.note,
        "encoder": row.encoder,
        "caveats": [text for text in dict.fromkeys([*caveats, row.caveat]) if text],
        "seeds": params.seeds,
        "tasks": {name: {"metric": params.tasks[name].metric} for name in params.tasks if name in row.tasks},
        "part1": part1,
        "phase1": [
            {"row": name, "tasks": row_tasks(recipe), **_describe_training(params, profile, "phase1", name, recipe)}
            for name, recipe in recipes.items()
        ],
        "phase2": phase2,
        "figures": {  # null: what it should show does not run
            "phase1": figures.phase1 if figures.phase1 in recipes else None,
            "phase2": figures.phase2 if figures.phase2 in params.rows else None,
        },
    }


def _describe_training(params: Params, profile: str, phase: str, name: str, recipe: Recipe) -> dict[str, Any]:
    """Its seeds, and where it trains the rule by which it keeps an epoch."""
    said = [params.train, params.profiles[profile].train, recipe.train]
    (*_, keep) = (train.keep for train in said if "keep" in train.model_fields_set)
    return {"seeds": list_seeds(params, profile, phase, name)} | ({"keep": keep} if recipe.schedule else {})


def _describe_average(params: Params, profile: str, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """An average's entry, by those of `rows`, the ones that train; `keep` are the rules of those that it is of."""
    average = params.iterations[name]
    members = [row for row in rows if row["row"] in average.of]
    keep = ", ".join(dict.fromkeys(row["keep"] for row in members if "keep" in row))
    return {
        "row": name,
        "tasks": members[0]["tasks"],
        "note": average.note,
        "control": average.control,
        "paper": average.paper,
        "average": average.average,
        "of": [member["row"] for member in members],
        **({"over": average.over} if average.over else {}),
        "seeds": list_seeds(params, profile, layout.AVERAGE, name),
        **({"keep": keep} if keep else {}),
        **({"encoder": members[0]["encoder"]} if "encoder" in members[0] else {}),
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
        if phase in layout.START_STAGES:
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
