"""params.yaml, read and checked: every wrong key, value or name is reported at once, before anything runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from pipeline.config.schema import Iteration, Leg, Params, Profile, Recipe


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read params.yaml. Whatever is wrong with it is one `ValueError` with a line for each fault, naming its key."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a YAML file: {error}") from None
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: expected a mapping with the keys {', '.join(Params.model_fields)}")
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        faults = [f"{'.'.join(str(part) for part in fault['loc'])}: {_describe(fault)}" for fault in error.errors()]
    else:
        faults = list(_find_broken_references(params))
    if faults:
        raise ValueError("\n".join(f"{path}: {fault}" for fault in faults))
    return params


def choose_profile(params: Params, name: str) -> Profile:
    """The row of a profile that the command line names; one that is not there is a `ValueError`."""
    if name not in params.profiles:
        raise ValueError(f"profile {name!r} is unknown; allowed: {', '.join(params.profiles)}")
    return params.profiles[name]


def _describe(fault: dict) -> str:
    if fault["type"] == "value_error":  # one of our own
        return fault["msg"].removeprefix("Value error, ")
    return f"{fault['msg']} (it is {fault['input']!r})" if fault["type"] != "missing" else "missing"


def _find_broken_references(params: Params) -> Iterator[str]:
    """Names in one place that must stand in another."""
    yield from _unknown("profile", [params.profile], params.profiles)
    if len(set(params.seeds)) < len(params.seeds):
        yield f"seeds: {params.seeds} names a seed twice"
    for name, profile in params.profiles.items():
        where = f"profiles.{name}"
        yield from _unknown(f"{where}.encoder", [profile.encoder], params.encoders)
        yield from _unknown(f"{where}.max_train", profile.max_train, params.tasks)
        yield from _unknown(f"{where}.seed_sd", profile.seed_sd, params.tasks)
        yield from _unknown(f"{where}.data.sizes", profile.data.sizes, params.tasks)
        if profile.data.corpus == "sample":
            missing = [task for task in params.tasks if task not in profile.data.sizes]
            yield from (f"{where}.data.sizes: the task {task} is missing" for task in missing)
        files = [file for task in params.tasks.values() for file in (task.files.train, task.files.dev, task.files.test)]
        yield from _unknown(f"{where}.data.replace", profile.data.replace, files)
        yield from _unknown(f"{where}.data.replace", profile.data.replace.values(), params.assets)
        encoder = params.encoders.get(profile.encoder)
        if encoder and profile.data.max_length > encoder.max_positions:
            longest = f"the {encoder.max_positions} positions of the encoder {profile.encoder}"
            yield f"{where}.data.max_length: {profile.data.max_length} is more than {longest}"
    for name, encoder in params.encoders.items():
        files = [f"{name}/model.safetensors", f"{name}/vocab.txt"]
        yield from _unknown(f"encoders.{name}: its file", files, params.assets)
        if encoder.hidden_size % encoder.num_heads:
            yield f"encoders.{name}.num_heads: {encoder.num_heads} does not divide hidden_size {encoder.hidden_size}"
    for name, task in params.tasks.items():
        where = f"tasks.{name}"
        yield from _unknown(f"{where}.files", [task.files.train, task.files.dev, task.files.test], params.assets)
    yield from _unknown("part1.tasks", params.part1.tasks, params.tasks)
    for name, mode in params.part1.modes.items():
        yield from _unknown(f"part1.modes.{name}.paper", mode.paper, params.part1.tasks)
    for name, recipe in params.phase1.items():
        yield from _check_recipe(f"phase1.{name}", recipe, params)
        for leg in recipe.schedule:
            if len(leg.tasks) != 1 or leg.encoder == "frozen":
                yield f"phase1.{name}.schedule: a recipe fine-tunes one task at a time; a leg has {leg.tasks}"
    for name, row in params.iterations.items():
        where = f"iterations.{name}"
        yield from _check_recipe(where, row, params)
        yield from _unknown(f"{where}.start", [row.start], ["encoder", *params.phase1])
        yield from _unknown(f"{where}.control", [row.control] if row.control else [], params.iterations)
        if row.control == name:
            yield f"{where}.control: a row cannot be its own control"
        yield from _unknown(f"{where}.tasks", row.tasks or [], params.tasks)
        yield from _unknown(f"{where}.paper", row.paper, [*params.tasks, "overall"])
        missing = [task for task in scheduled_tasks(row.schedule) if row.tasks and task not in row.tasks]
        yield from (f"{where}.tasks: the schedule trains {task}, which is not among them" for task in missing)
        yield from _check_start_heads(where, row, params)
    yield from _unknown("figures.phase1", [params.figures.phase1], params.phase1)
    yield from _unknown("figures.phase2", [params.figures.phase2], params.iterations)
    yield from _unknown("gate.margins", params.gate.margins, params.tasks)
    yield from _unknown("gate.seed_sd", params.gate.seed_sd, params.tasks)


def scheduled_tasks(schedule: Iterable[Leg]) -> list[str]:
    """The tasks of a schedule, each once, in the order of their first leg."""
    return list(dict.fromkeys(task for leg in schedule for task in leg.tasks))


def _unknown(where: str, names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    allowed = list(known)
    yield from (f"{where}: {name!r} is unknown; allowed: {', '.join(allowed)}" for name in names if name not in allowed)


def _check_recipe(where: str, recipe: Recipe, params: Params) -> Iterator[str]:
    for number, leg in enumerate(recipe.schedule):
        yield from _unknown(f"{where}.schedule.{number}.tasks", leg.tasks, params.tasks)
        if len(set(leg.tasks)) < len(leg.tasks):
            yield f"{where}.schedule.{number}.tasks: {leg.tasks} names a task twice"
        if leg.encoder == "frozen" and leg.combine != "sum":
            yield f"{where}.schedule.{number}.combine: a frozen encoder shares no gradient to combine"
    yield from _unknown(f"{where}.heads", recipe.heads, params.tasks)


def _check_start_heads(where: str, row: Iteration, params: Params) -> Iterator[str]:
    """A head that phase 1 trained must be one that the row goes on with: it is never dropped in silence."""
    if row.start not in params.phase1:
        return
    recipe = params.phase1[row.start]
    tasks = row.tasks or scheduled_tasks(row.schedule)
    for task in scheduled_tasks(recipe.schedule):
        if task not in params.tasks:
            continue
        if task not in tasks:
            yield f"{where}.tasks: its start {row.start} trains {task}, which is not among {tasks}"
        before = recipe.heads.get(task, params.tasks[task].head)
        after = row.heads.get(task, params.tasks[task].head)
        if before != after:
            yield f"{where}.heads.{task}: {after}, but its start {row.start} trains {before}"
