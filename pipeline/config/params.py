"""params.yaml, read and checked: every wrong key, value or name is reported at once, before anything runs."""

import fnmatch
import reprlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.schema import EncoderRow, Iteration, Params, Profile, Recipe
from pipeline.config.selection import row_tasks, scheduled_tasks
from pipeline.config.yaml_file import read_yaml

SHAPE = ("hidden_size", "num_layers", "num_heads", "intermediate_size")


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read params.yaml. Whatever is wrong with it is one `ValueError` with a line for each fault, naming its key."""
    return parse_params(read_yaml(path), path)


def parse_params(raw: Any, path: Path) -> Params:
    """What was read from `path`, which the faults name, as `load_params` gives it."""
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: expected a mapping with the keys {', '.join(Params.model_fields)}")
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()]
    else:
        faults = list(_find_broken_references(params))
    if faults:
        raise ValueError("\n".join(f"{path}: {fault}" for fault in faults))
    return params


def _describe(fault: dict) -> str:
    if fault["type"] == "value_error":  # one of our own
        said = fault["msg"].removeprefix("Value error, ")
    else:
        said = f"{fault['msg']} (it is {reprlib.repr(fault['input'])})" if fault["type"] != "missing" else "missing"
    key = ".".join(str(part) for part in fault["loc"])
    return f"{key}: {said}" if key else said  # of the whole file


def _find_broken_references(params: Params) -> Iterator[str]:
    """Names in one place that must stand in another."""
    yield from _unknown("profile", [params.profile], params.profiles)
    if len(set(params.seeds)) < len(params.seeds):
        yield f"seeds: {params.seeds} names a seed twice"
    yield from _check_rows(params)
    for name, profile in params.profiles.items():
        yield from _check_profile(f"profiles.{name}", profile, params)
    for name, encoder in params.encoders.items():
        where = f"encoders.{name}"
        if encoder.adapted_from:
            yield from _check_adapted(where, encoder, params)
            continue
        folder = encoder.first_layers_of or name
        files = [f"{folder}/model.safetensors", f"{folder}/vocab.txt"]
        yield from _unknown(f"{where}: its file", files, params.assets)
        missing = [key for key in SHAPE if getattr(encoder, key) is None]
        if f"{folder}/config.json" not in params.assets:
            yield from (f"{where}.{key}: missing, as is the asset {folder}/config.json" for key in missing)
        if encoder.hidden_size and encoder.num_heads and encoder.hidden_size % encoder.num_heads:
            yield f"{where}.num_heads: {encoder.num_heads} does not divide hidden_size {encoder.hidden_size}"
    for name, task in params.tasks.items():
        where = f"tasks.{name}"
        yield from _unknown(f"{where}.files", [task.files.train, task.files.dev, task.files.test], params.assets)
    yield from _unknown("part1.tasks", params.part1.tasks, params.tasks)
    for name, mode in params.part1.modes.items():
        yield from _unknown(f"part1.modes.{name}.paper", mode.paper, params.part1.tasks)
    for name, recipe in params.phase1.items():
        yield from _check_recipe(f"phase1.{name}", recipe, params)
        for number, leg in enumerate(recipe.schedule):
            if leg.encoder == "frozen":
                yield f"phase1.{name}.schedule.{number}.encoder: 'frozen'; a recipe fine-tunes it: allowed: finetuned"
    for name, row in params.iterations.items():
        where = f"iterations.{name}"
        yield from _check_recipe(where, row, params)
        yield from _unknown(f"{where}.start", [row.start], ["encoder", *params.phase1])
        yield from _unknown(f"{where}.control", [row.control] if row.control else [], params.iterations)
        if row.control == name:
            yield f"{where}.control: a row cannot be its own control"
        yield from _unknown_or_twice(f"{where}.tasks", row.tasks or [], params.tasks)
        yield from _unknown(f"{where}.paper", row.paper, [*params.tasks, "overall"])
        trained = [other for other, iteration in params.iterations.items() if not iteration.average]
        yield from _unknown_or_twice(f"{where}.of", row.of or [], trained)
        missing = [task for task in scheduled_tasks(row.schedule) if row.tasks and task not in row.tasks]
        yield from (f"{where}.tasks: the schedule trains {task}, which is not among them" for task in missing)
        yield from _check_start_tasks(where, row, params)
    yield from _unknown("figures.phase1", filter(None, [params.figures.phase1]), params.phase1)
    yield from _unknown("figures.phase2", filter(None, [params.figures.phase2]), params.iterations)
    yield from _unknown("gate.margins", params.gate.margins, params.tasks)
    yield from _unknown("gate.seed_sd", params.gate.seed_sd, params.tasks)


def _unknown(where: str, names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    allowed = list(known)
    yield from (f"{where}: {name!r} is unknown; allowed: {', '.join(allowed)}" for name in names if name not in allowed)


def _unknown_or_twice(where: str, names: list[str], known: Iterable[str]) -> Iterator[str]:
    yield from _unknown(where, names, known)
    yield from (f"{where}: {name!r} is there twice" for name in dict.fromkeys(names) if names.count(name) > 1)


def _check_rows(params: Params) -> Iterator[str]:
    averages = {name for name, row in params.iterations.items() if row.average}
    yield from _unknown_or_twice("rows", params.rows, [name for name in params.iterations if name not in averages])
    yield from _unknown_or_twice("averages", params.averages, [name for name in params.iterations if name in averages])
    for name, section in [(name, "rows") for name in params.rows] + [(name, "averages") for name in params.averages]:
        row = params.iterations.get(name)
        if row and row.control in params.iterations and row.control not in [*params.rows, *params.averages]:
            yield f"{section}: {name} is compared with its control {row.control}, which is not among them"
        for member in (row and row.of) or []:
            if member in params.iterations and member not in params.rows:
                allowed = ", ".join(params.rows)
                yield f"{section}: {name} is an average of {member}, which does not run; allowed: {allowed}"


def _check_profile(where: str, profile: Profile, params: Params) -> Iterator[str]:
    yield from _unknown(f"{where}.encoder", [profile.encoder], params.encoders)
    yield from _unknown_or_twice(f"{where}.tasks", profile.tasks, params.tasks)
    yield from _unknown(f"{where}.max_train", profile.max_train, params.tasks)
    yield from _unknown(f"{where}.seed_sd", profile.seed_sd, params.tasks)
    yield from _unknown(f"{where}.data.sizes", profile.data.sizes, profile.tasks)
    not_written = [task for task in profile.tasks if task not in profile.data.sizes]
    yield from _unknown(f"{where}.data.subsets", profile.data.subsets, not_written)
    for task, subset in profile.data.subsets.items():
        yield from _unknown_or_twice(f"{where}.data.subsets.{task}.files", subset.files, params.assets)
    table1 = [f"{task}_{mode}" for task in params.part1.tasks for mode in params.part1.modes]
    yield from _unknown(f"{where}.floors", profile.floors, [*table1, *params.iterations])
    beginnings = [rows for rows in profile.num_seeds if rows.endswith("*") and fnmatch.filter(params.iterations, rows)]
    yield from _unknown(f"{where}.num_seeds", profile.num_seeds, [*params.iterations, *beginnings])
    yield from _unknown(f"{where}.may_collapse", profile.may_collapse, [*table1, *params.iterations])
    for row, tasks in profile.may_collapse.items():
        yield from _unknown(f"{where}.may_collapse.{row}", tasks, params.tasks)
    for row, floors in profile.floors.items():
        yield from _unknown(f"{where}.floors.{row}", floors, params.tasks)
    encoder = params.encoders.get(profile.encoder)
    encoder = params.encoders.get(encoder.adapted_from, encoder) if encoder else None
    if encoder and profile.data.max_length > encoder.max_positions:
        longest = f"the {encoder.max_positions} positions of the encoder {profile.encoder}"
        yield f"{where}.data.max_length: {profile.data.max_length} is more than {longest}"


def _check_recipe(where: str, recipe: Recipe, params: Params) -> Iterator[str]:
    for number, leg in enumerate(recipe.schedule):
        yield from _unknown_or_twice(f"{where}.schedule.{number}.tasks", leg.tasks, params.tasks)
        yield from _unknown(f"{where}.schedule.{number}.loss_weights", leg.loss_weights, leg.tasks)
    yield from _unknown(f"{where}.heads", recipe.heads, params.tasks)
    yield from _unknown(f"{where}.encoder", [recipe.encoder] if recipe.encoder else [], params.encoders)


def _check_adapted(where: str, encoder: EncoderRow, params: Params) -> Iterator[str]:
    """What an adapted encoder's row says beside `adapt` and a caveat is what the row of the encoder it is from says."""
    published = [name for name, other in params.encoders.items() if not other.adapted_from]
    yield from _unknown(f"{where}.adapted_from", [encoder.adapted_from], published)
    yield from _unknown_or_twice(f"{where}.adapt.tasks", encoder.adapt.tasks, params.tasks)
    source = params.encoders.get(encoder.adapted_from)
    for key in encoder.model_fields_set - {"adapted_from", "adapt", "caveat"}:
        if source and (found := getattr(encoder, key)) != (allowed := getattr(source, key)):
            yield f"{where}.{key}: {found!r}, but it is adapted from {encoder.adapted_from}, which has {allowed!r}"


def _check_start_tasks(where: str, row: Iteration, params: Params) -> Iterator[str]:
    """A head that phase 1 trained is never dropped in silence."""
    if row.start in params.phase1:
        tasks, trained = row_tasks(row), row_tasks(params.phase1[row.start])
        for task in trained:
            if task in params.tasks and task not in tasks:
                yield f"{where}.tasks: its start {row.start} trains {task}, which is not among {tasks}"
