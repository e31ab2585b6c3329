"""What the content of a JSON file may be, said once, for readers that have the standard library alone.

A form is called with a value and its key, and gives the first fault, such as `train.eps: 'x'; allowed: a number`.
"""

import math
import re
import reprlib
from collections.abc import Callable, Collection
from itertools import chain
from typing import Any

Form = Callable[[Any, str], str | None]
MAX_WHOLE = 2**53  # what a float holds exactly
NAME = r"(?!.{101})[a-z0-9]+(?:_[a-z0-9]+)*"  # of a profile, row or task, as pipeline/config/schema.py has it
FILE = r"(?!.*[^/]{201})[ -~]{1,1000}"  # a path that a file system can have


def check(content: Any, form: Form, where: object) -> None:
    """Raise `ValueError` naming `where` and the key unless the content has the form."""
    if fault := form(content, ""):
        raise ValueError(f"{where}: {fault.removeprefix(': ')}")


def value(is_allowed: Callable[[Any], bool], allowed: str) -> Form:
    """What `is_allowed` says; `allowed` is the same in words."""
    return lambda found, key: None if is_allowed(found) else f"{key}: {reprlib.repr(found)}; allowed: {allowed}"


def text(pattern: str = r"(?s:.*)") -> Form:
    """A string that matches the whole of `pattern`."""
    compiled = re.compile(pattern)
    allowed = "text" if pattern == r"(?s:.*)" else f"text as {pattern}"
    return value(lambda found: isinstance(found, str) and compiled.fullmatch(found) is not None, allowed)


def one_of(*names: Any) -> Form:
    return value(lambda found: isinstance(found, str) and found in names, ", ".join(names))


def whole(minimum: int = -MAX_WHOLE, maximum: int = MAX_WHOLE) -> Form:
    """A whole number, no boolean."""
    return value(
        lambda found: type(found) is int and minimum <= found <= maximum, f"a whole number, {minimum} to {maximum}"
    )


def number(minimum: float = -math.inf, maximum: float = math.inf) -> Form:
    """A finite number that a float can be."""

    def is_allowed(found: Any) -> bool:
        if type(found) is int:
            return abs(found) <= MAX_WHOLE and minimum <= found <= maximum
        return type(found) is float and math.isfinite(found) and minimum <= found <= maximum

    return value(is_allowed, f"a finite number, {minimum} to {maximum}")


def boolean() -> Form:
    return value(lambda found: type(found) is bool, "true, false")


def optional(form: Form) -> Form:
    """The form, or null."""
    return lambda found, key: None if found is None else form(found, key)


def either(*forms: Form) -> Form:
    """Any of the forms; the fault is the last one's."""

    def find(found: Any, key: str) -> str | None:
        faults = [form(found, key) for form in forms]
        return None if None in faults else faults[-1]

    return find


def list_of(form: Form, minimum: int = 0, maximum: int | None = None) -> Form:
    """A list of so many of the form."""

    def find(found: Any, key: str) -> str | None:
        if not isinstance(found, list) or len(found) < minimum or (maximum is not None and len(found) > maximum):
            length = f"{minimum} or more" if maximum is None else f"{minimum} to {maximum}"
            return f"{key}: {reprlib.repr(found)}; allowed: a list of {length}"
        return next((fault for place, item in enumerate(found) if (fault := form(item, f"{key}.{place}"))), None)

    return find


def mapping(form: Form, names: Form | None = None) -> Form:
    """An object of any names, or of those that `names` allows, whose values have the form."""

    def find(found: Any, key: str) -> str | None:
        if not isinstance(found, dict):
            return f"{key}: {reprlib.repr(found)}; allowed: an object"
        of_names = (names(name, key) for name in found) if names else ()
        of_values = (form(item, f"{key}.{name:.60}".lstrip(".")) for name, item in found.items())
        return next(filter(None, chain(of_names, of_values)), None)

    return find


def fields(forms: dict[str, Form], may_lack: Collection[str] = (), others: bool = False) -> Form:
    """An object with these keys, each of its form; those in `may_lack` may be missing; with `others`, more keys."""

    def find(found: Any, key: str) -> str | None:
        if not isinstance(found, dict):
            return f"{key}: {reprlib.repr(found)}; allowed: an object"
        prefix = f"{key}." if key else ""
        if missing := [name for name in forms if name not in found and name not in may_lack]:
            return f"{prefix}{missing[0]}: missing"
        if unknown := [name for name in found if name not in forms and not others]:
            return f"{prefix}{unknown[0]:.60}: unknown; allowed: {', '.join(forms)}"
        given = (form(found[name], f"{prefix}{name}") for name, form in forms.items() if name in found)
        return next(filter(None, given), None)

    return find
