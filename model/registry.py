"""Registries: a package whose modules are its entries, each found by its file's name and imported when it is asked for.

A choice of an entry is its name, or its name with options: `NAME` or `{NAME: {option: value}}`. Options are the
keyword-only arguments of the entry's function that have a default and are annotated as int, float, bool, str, or
`Annotated[float, Bounds(low, high)]`.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any, get_args, get_origin, get_type_hints

KINDS = (int, float, bool, str)
IS_OPTION = "an option stands after the `*`, with a default and a type among int, float, bool and str"

Choice = str | dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest value that a number may have; None: no bound."""

    low: float | None = None
    high: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        parts = [f"at least {self.low}"] * (self.low is not None) + [f"at most {self.high}"] * (self.high is not None)
        return " and ".join(parts)


class Registry(Mapping[str, Any]):
    """From the names of a package's modules, those with a leading `_` left out, to the `attribute` of each.

    Without an attribute the modules themselves are the entries.
    """

    def __init__(self, package: str, attribute: str | None = None) -> None:
        self.package, self.attribute = package, attribute

    def __iter__(self) -> Iterator[str]:
        names = (module.name for module in iter_modules(import_module(self.package).__path__))
        return (name for name in sorted(names) if not name.startswith("_"))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def __getitem__(self, name: str) -> Any:
        """A name that is not there is a `ValueError`, as is a module without the attribute."""
        if name not in self:
            raise ValueError(f"{self.package}: {name!r} is unknown; allowed: {', '.join(self)}")
        module = import_module(f"{self.package}.{name}")
        if self.attribute is None:
            return module
        if not hasattr(module, self.attribute):
            raise ValueError(f"{module.__file__}: it has no {self.attribute}, which every entry has")
        return getattr(module, self.attribute)

    def bind(self, choice: Choice) -> Any:
        """The chosen entry with its options bound; options that it does not take are a `ValueError` naming them."""
        name, options = split_choice(choice)
        entry = self[name]
        if faults := find_option_faults(entry, options):
            raise ValueError(f"{self.package}.{name}: {'; '.join(faults)}")
        return partial(entry, **options) if options else entry


def split_choice(choice: Choice) -> tuple[str, dict[str, Any]]:
    """Name and options of a choice; anything else is a `ValueError`."""
    if isinstance(choice, str):
        return choice, {}
    if isinstance(choice, dict) and len(choice) == 1:
        ((name, options),) = choice.items()
        if isinstance(name, str) and isinstance(options, dict):
            return name, options
    raise ValueError(f"{choice!r} is no choice; allowed: NAME or {{NAME: {{option: value}}}}")


def find_option_faults(function: Callable[..., Any], options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options given to a function or a class, a text each; none: []."""
    allowed = _list_options(function)
    faults = []
    for name, value in options.items():
        if name not in allowed:
            needs = f"; {IS_OPTION}" if name in inspect.signature(function).parameters else ""
            faults.append(f"option {name!r} is unknown; allowed: {', '.join(allowed) or 'no option'}{needs}")
            continue
        kind, bounds = allowed[name]
        kinds = (int, float) if kind is float else (kind,)
        fits = isinstance(value, kinds) and isinstance(value, bool) == (kind is bool)
        if not fits or (kind is float and not math.isfinite(value)) or (bounds and value not in bounds):
            limits = f", {bounds}" if bounds and str(bounds) else ""
            faults.append(f"option {name!r} is {value!r}; allowed: {kind.__name__}{limits}")
    return faults


def _list_options(function: Callable[..., Any]) -> dict[str, tuple[type, Bounds | None]]:
    """Type and bounds of each option."""
    hints = get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
    options = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
            continue
        hint, bounds = hints.get(name), None
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            bounds = next((extra for extra in extras if isinstance(extra, Bounds)), None)
        if hint in KINDS:
            options[name] = (hint, bounds)
    return options
