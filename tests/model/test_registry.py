"""Registries: entries are the files of a folder, options are checked by the entry's own signature."""

import sys
from typing import Annotated

import pytest

from model.averages import AVERAGES
from model.combine import COMBINERS
from model.heads import HEADS
from model.pooling import POOLINGS
from model.rates import RATES
from model.registry import Bounds, Registry, find_option_faults, split_choice
from model.regularisers import REGULARISERS
from model.schedules import SCHEDULES


def function(given, given_default: int = 1, *, required: int, rate: Annotated[float, Bounds(0, 1)] = 0.5,
             count: int = 1, on: bool = True, name: str = "a", low: Annotated[int, Bounds(low=2)] = 2,
             other: list = ()):  # fmt: skip
    return given, rate, count, on, name


class Entry:
    def __init__(self, given, *, rate: Annotated[float, Bounds(high=1)] = 0.5) -> None:
        self.given, self.rate = given, rate


@pytest.fixture
def registry(tmp_path, monkeypatch):
    package = tmp_path / "entries_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plain.py").write_text("def run(given):\n    return given\n")
    (package / "scaled.py").write_text("def run(given, *, factor: float = 2.0):\n    return given * factor\n")
    (package / "broken.py").write_text("raise RuntimeError('imported')\n")
    (package / "empty.py").write_text("")
    (package / "_shared.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("entries_of_a_test", "run")
    for name in [name for name in sys.modules if name.startswith("entries_of_a_test")]:
        del sys.modules[name]


def test_the_entries_are_the_files_and_are_imported_when_asked_for(registry):
    assert list(registry) == ["broken", "empty", "plain", "scaled"] and len(registry) == 4
    assert "plain" in registry and "_shared" not in registry and "other" not in registry
    assert registry["plain"](3) == 3
    with pytest.raises(RuntimeError, match="imported"):
        registry["broken"]
    with pytest.raises(ValueError, match=r"empty\.py: it has no run"):
        registry["empty"]
    with pytest.raises(ValueError, match="entries_of_a_test: 'new' is unknown; allowed: broken, empty, plain, scaled"):
        registry["new"]


def test_a_choice_is_bound_with_its_options(registry):
    assert registry.bind("plain") is registry["plain"]
    assert registry.bind({"scaled": {}})(3) == 6
    assert registry.bind({"scaled": {"factor": 5}})(3) == 15
    with pytest.raises(ValueError, match="entries_of_a_test.scaled: option 'x' is unknown; allowed: factor"):
        registry.bind({"scaled": {"x": 1}})
    with pytest.raises(ValueError, match="option 'factor' is unknown; allowed: no option"):
        registry.bind({"plain": {"factor": 1}})


@pytest.mark.parametrize("choice", [{}, {"a": {}, "b": {}}, {"a": 1}, 1, None, ["a"], {1: {}}])
def test_what_is_no_choice_is_refused(choice):
    with pytest.raises(ValueError, match="is no choice; allowed: NAME or"):
        split_choice(choice)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rate": 0, "count": -3, "on": False, "name": ""},
        {"rate": 1.0, "low": 2},
        {"rate": 0.0},
    ],
)
def test_options_of_the_right_type_within_bounds_have_no_faults(options):
    assert find_option_faults(function, options) == []


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("rate", 1.01, "float, at least 0 and at most 1"),
        ("rate", -0.01, "float, at least 0 and at most 1"),
        ("rate", "0.5", "float"),
        ("rate", True, "float"),
        ("rate", float("nan"), "float"),
        ("low", 1, "int, at least 2"),
        ("count", 1.0, "int"),
        ("count", True, "int"),
        ("count", None, "int"),
        ("on", 1, "bool"),
        ("name", 1, "str"),
        ("required", 1, "rate, count, on, name, low"),
        ("given", 1, "rate, count, on, name, low"),
        ("given_default", 1, "rate, count, on, name, low"),
        ("other", [], "rate, count, on, name, low"),
    ],
)
def test_a_fault_names_the_option_and_what_is_allowed(option, value, allowed):
    (fault,) = find_option_faults(function, {option: value, "on": True} if option != "on" else {option: value})
    assert repr(option) in fault and allowed in fault
    assert len(find_option_faults(function, {option: value, "nothing": 1})) == 2


def test_a_class_has_the_options_of_its_making():
    assert find_option_faults(Entry, {"rate": -5.0}) == []
    assert len(find_option_faults(Entry, {"rate": 2.0, "given": 1})) == 2


@pytest.mark.parametrize(
    "registry", (COMBINERS, HEADS, POOLINGS, SCHEDULES, RATES, AVERAGES, REGULARISERS), ids=lambda r: r.package
)
def test_every_entry_of_ours_is_there(registry):
    assert len(registry) > 0 and all(callable(entry) for entry in registry.values())


def test_an_argument_that_is_no_option_is_answered_with_what_makes_one():
    for option, is_argument in (("given_default", True), ("other", True), ("nothing", False)):
        (fault,) = find_option_faults(function, {option: 1})
        assert ("stands after the `*`" in fault) is is_argument
