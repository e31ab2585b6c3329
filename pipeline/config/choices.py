"""Choices in params.yaml, `NAME` or `{NAME: {option: value}}`, held against the registries and brought to one form."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from model.averages import AVERAGES
from model.bert import ACTIVATIONS
from model.combine import COMBINERS
from model.heads import HEADS, TaskShape
from model.pooling import POOLINGS
from model.rates import RATES
from model.reading import find_reading, joined, pair, sentences
from model.registry import Registry, find_option_faults, split_choice
from model.regularisers import REGULARISERS
from model.schedules import SCHEDULES
from pipeline.config.schema import Choice, Params, Recipe, Task, TrainOverride
from pipeline.evaluation.metrics import METRICS
from pipeline.training.augmentation import AUGMENTATIONS
from pipeline.training.mixing import MIXINGS

# Of `train`.
REGISTRIES: dict[str, Registry] = {
    "pooling": POOLINGS,
    "learning_rate_schedule": SCHEDULES,
    "rates": RATES,
    "average": AVERAGES,
    "mixing": MIXINGS,
    "regulariser": REGULARISERS,
    "augmentation": AUGMENTATIONS,
}
# What every entry of these says of itself, whether a row uses it or not.
ATTRIBUTES: list[tuple[Registry, dict[str, tuple[Any, ...]]]] = [
    (HEADS, {"num_sentences": (1, 2), "labels": ("classes", "scores")}),
    (METRICS, {"LABELS": ("classes", "scores")}),
]
READINGS = (sentences, joined, pair)  # what a head may take; of one sentence the first alone
OWN = "own"  # as pooling: what the encoder was trained with


def shorten(registry: Registry, choice: Choice) -> Choice:
    """The choice without the options that are at their defaults, so that equal choices are equal."""
    name, options = split_choice(choice)
    if name not in registry:
        return choice
    options = drop_defaults(registry[name], options)
    return {name: options} if options else name


def drop_defaults(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options without those at their defaults."""
    parameters = inspect.signature(function).parameters
    defaults = {option: parameters[option].default for option in options}
    return {
        option: float(value) if isinstance(defaults[option], float) else value
        for option, value in options.items()
        if value != defaults[option]
    }


def shorten_train(train: dict[str, Any]) -> dict[str, Any]:
    """A whole `train` with its choices shortened."""
    chosen = {key: shorten(registry, train[key]) for key, registry in REGISTRIES.items() if train[key] is not None}
    return train | chosen


def find_choice_faults(params: Params) -> Iterator[str]:
    """Names and options that the registries do not have, heads and metrics that do not fit their task.

    A head or metric that does not say what it fits is a `ValueError` naming its file.
    """
    _check_attributes()
    for name, task in params.tasks.items():
        yield from _check_head(f"tasks.{name}.head", task.head, task)
        fitting = [metric for metric in METRICS if _shape(task).labels == METRICS[metric].LABELS]
        if task.metric not in fitting:
            yield f"tasks.{name}.metric: {task.metric!r} does not fit; allowed for this task: {', '.join(fitting)}"
    for name, encoder in params.encoders.items():
        if encoder.activation not in ACTIVATIONS:
            allowed = ", ".join(ACTIVATIONS)
            yield f"encoders.{name}.activation: {encoder.activation!r} is unknown; allowed: {allowed}"
        if encoder.pooling:
            yield from _check(f"encoders.{name}.pooling", encoder.pooling, POOLINGS)
        if encoder.adapt:
            where = f"encoders.{name}.adapt.learning_rate_schedule"
            yield from _check(where, encoder.adapt.learning_rate_schedule, SCHEDULES)
    yield from _check_train("train", params.train)
    sections = {"profiles": params.profiles, "part1.tasks": params.part1.tasks, "part1.modes": params.part1.modes}
    for section, rows in sections.items():
        for name, row in rows.items():
            yield from _check_train(f"{section}.{name}.train", row.train)
    for section in ("phase1", "iterations"):
        for name, row in getattr(params, section).items():
            yield from _check_recipe(f"{section}.{name}", row, params)


def _check_attributes() -> None:
    for registry, attributes in ATTRIBUTES:
        for name, entry in registry.items():
            for attribute, allowed in attributes.items():
                if (found := getattr(entry, attribute, None)) not in allowed:
                    file = f"{registry.package.replace('.', '/')}/{name}.py"
                    raise ValueError(f"{file}: its {attribute} is {found!r}; allowed: {', '.join(map(str, allowed))}")
    for name, head in HEADS.items():
        allowed = READINGS[: 1 if head.num_sentences == 1 else None]
        if (found := find_reading(head)) not in allowed:
            names = ", ".join(reading.__name__ for reading in allowed)
            raise ValueError(f"model/heads/{name}.py: it takes {getattr(found, '__name__', found)!r}; allowed: {names}")


def _check_recipe(where: str, row: Recipe, params: Params) -> Iterator[str]:
    yield from _check_train(f"{where}.train", row.train)
    for task, choice in row.heads.items():
        yield from _check_head(f"{where}.heads.{task}", choice, params.tasks[task])
    for number, leg in enumerate(row.schedule):
        key = f"{where}.schedule.{number}.combine"
        yield from _check(key, leg.combine, COMBINERS)
        if leg.encoder == "frozen" and split_choice(leg.combine)[0] != "sum":
            yield f"{key}: a frozen encoder shares no gradient to combine; allowed: sum"


def _check_train(where: str, train: TrainOverride) -> Iterator[str]:
    for key, registry in REGISTRIES.items():
        choice = getattr(train, key)
        if choice is not None and not (key == "pooling" and choice == OWN):
            yield from _check(f"{where}.{key}", choice, registry)


def _check_head(where: str, choice: Choice, task: Task) -> Iterator[str]:
    fitting = [name for name, head in HEADS.items() if _shape(task).fits(head)]
    name, _ = split_choice(choice)
    if name not in fitting:
        yield f"{where}: {name!r} does not fit; allowed for this task: {', '.join(fitting)}"
    else:
        yield from _check(where, choice, HEADS)


def _check(where: str, choice: Choice, registry: Registry) -> Iterator[str]:
    name, options = split_choice(choice)
    if name not in registry:
        own = [OWN] if registry is POOLINGS else []
        yield f"{where}: {name!r} is unknown; allowed: {', '.join([*registry, *own])}"
    else:
        yield from (f"{where}.{name}: {fault}" for fault in find_option_faults(registry[name], options))


def _shape(task: Task) -> TaskShape:
    return TaskShape(len(task.sentences), task.num_classes)
