"""What of params.yaml a profile runs: its rows, the recipes and encoders that they need; and what it cannot run."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.config.schema import Iteration, Leg, Params, Profile, Recipe
from pipeline.runs import layout


def choose_profile(params: Params, name: str) -> Profile:
    """The row of a profile that the command line names; one that is not there is a `ValueError`."""
    if name not in params.profiles:
        raise ValueError(f"profile {name!r} is unknown; allowed: {', '.join(params.profiles)}")
    return params.profiles[name]


def scheduled_tasks(schedule: Iterable[Leg]) -> list[str]:
    """The tasks of a schedule, each once, in the order of their first leg."""
    return list(dict.fromkeys(task for leg in schedule for task in leg.tasks))


def row_tasks(row: Recipe) -> list[str]:
    """The tasks that a recipe or a row evaluates."""
    return getattr(row, "tasks", None) or scheduled_tasks(row.schedule)


def list_rows(params: Params) -> dict[str, Iteration]:
    """The iterations that run, in the order of `rows`."""
    return {name: params.iterations[name] for name in params.rows}


def list_averages(params: Params) -> dict[str, Iteration]:
    """The iterations that average rows, in the order of `averages`."""
    return {name: params.iterations[name] for name in params.averages}


def find_idle_recipes(params: Params, profile: str) -> dict[str, str]:
    """The recipes of phase 1 that do not train in this profile, each with the reason."""
    starts, available = {row.start for row in list_rows(params).values()}, choose_profile(params, profile).tasks
    idle = {}
    for name, recipe in params.phase1.items():
        missing = [task for task in row_tasks(recipe) if task not in available]
        if name not in starts and name != params.figures.phase1:
            idle[name] = "no row in `rows` starts from it"
        elif name not in starts and missing:
            idle[name] = f"the profile {profile} has no task {', '.join(missing)}"
    return idle


def list_recipes(params: Params, profile: str) -> dict[str, Recipe]:
    """The recipes of phase 1 that train in this profile."""
    idle = find_idle_recipes(params, profile)
    return {name: recipe for name, recipe in params.phase1.items() if name not in idle}


def list_seeds(params: Params, profile: str, phase: str, name: str) -> list[int]:
    """The seeds that a training runs with; a recipe has those of the rows that start from it.

    Of `num_seeds` a row's own entry decides, else the first that it begins like.

    An average has those that all of its rows have; over all seeds it has one value, under the first.
    """
    every, limits = len(params.seeds), choose_profile(params, profile).num_seeds

    def limit(row: str) -> int:
        alike = [number for rows, number in limits.items() if fnmatchcase(row, rows)]
        return limits.get(row, alike[0] if alike else every)

    if phase == layout.AVERAGE:
        row = params.iterations[name]
        return params.seeds[: 1 if row.over else min(map(limit, (name, *row.of)))]
    if phase == "phase1":
        started = [row for row, iteration in list_rows(params).items() if iteration.start == name]
        return params.seeds[: max(map(limit, started), default=every)]
    return params.seeds[: limit(name)] if phase == "phase2" else params.seeds


def list_encoders(params: Params, profile: str) -> list[str]:
    """The profile's encoder, and those of the rows and recipes that run."""
    rows = [*list_recipes(params, profile).values(), *list_rows(params).values()]
    chosen = [row.encoder for row in rows if row.encoder]
    return list(dict.fromkeys([choose_profile(params, profile).encoder, *chosen]))


def list_adapted(params: Params, profile: str) -> list[str]:
    """Those of them that are further pre-trained here."""
    return [name for name in list_encoders(params, profile) if params.encoders[name].adapted_from]


def name_published(params: Params, encoder: str) -> str:
    """The published encoder that this one is, or is made from: whose shape, vocabulary and tokens it has."""
    return params.encoders[encoder].adapted_from or encoder


def list_published(params: Params, profile: str) -> list[str]:
    """The published encoders that the profile's own are, or are made from: those that are downloaded."""
    return list(dict.fromkeys(name_published(params, name) for name in list_encoders(params, profile)))


def locate_encoder(params: Params, profile: str, name: str) -> Path:
    """The folder of an encoder's files."""
    return layout.adapted(profile) / name if params.encoders[name].adapted_from else layout.encoder(profile, name)


def find_missing_tasks(params: Params, profile: str) -> Iterator[str]:
    """A text for each task that a row of table 1 or 2, or an encoder, needs and that the profile does not have."""
    available = choose_profile(params, profile).tasks
    needed = {f"part1.tasks.{task}": [task] for task in params.part1.tasks}
    needed |= {f"iterations.{name}": row_tasks(row) for name, row in list_rows(params).items()}
    needed |= {f"encoders.{name}.adapt": params.encoders[name].adapt.tasks for name in list_adapted(params, profile)}
    for where, tasks in needed.items():
        if missing := [task for task in tasks if task not in available]:
            allowed = ", ".join(available)
            yield f"{where}: the profile {profile} has no task {', '.join(missing)}; its tasks: {allowed}"
