"""Ranges from the command line, and a row with numbers in their place."""

import importlib
import sys

import pytest

from pipeline.sweep.space import Range, put, read_ranges

ROW = {"schedule": [{"tasks": ["sst"], "epochs": 2, "combine": "cagrad"}, {"tasks": ["sst"], "epochs": 1}]}


def test_ranges_are_read_as_they_are_written():
    texts = ["train.learning_rate=1e-5..3e-4:log", "schedule.0.epochs=1..5", "train.weight_decay=0...1"]
    assert read_ranges(texts) == [
        Range("train.learning_rate", 1e-5, 3e-4, True),
        Range("schedule.0.epochs", 1, 5, False),
        Range("train.weight_decay", 0, 0.1, False),
    ]
    assert [one.is_whole for one in read_ranges(texts)] == [False, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a=1",
        "a=1..",
        "a=..2",
        "a=2..1",
        "a=1..1",
        "a=0..1:log",
        "a=1..2:lin",
        "a=x..2",
        "a=1..inf",
        "a=nan..1",
        "",
    ],
)
def test_what_is_no_range_is_told_what_is_one(text):
    with pytest.raises(ValueError, match="allowed: KEY=LOW..HIGH"):
        read_ranges([text])


def test_a_key_has_one_range():
    with pytest.raises(ValueError, match="each key once"):
        read_ranges(["a=1..2", "a=3..4"])


def test_a_number_that_is_tried_has_three_digits_and_stays_in_its_range():
    assert Range("a", 0.1, 2.0, False).round(0.123456) == 0.123
    assert Range("a", 0.12345, 2.0, False).round(0.123451) == 0.12345
    assert Range("a", 0.1, 0.98765, False).round(0.98764) == 0.98765
    assert Range("a", 1, 5000, False).round(4321) == 4321


def test_numbers_are_put_where_their_keys_say_and_the_row_stays_as_it_was():
    before = repr(ROW)
    changed = put(ROW, {"schedule.1.loss_weights.sst": 0.5, "schedule.0.combine.cagrad.c": 0.4, "train.eps": 1e-6})
    assert changed == {
        "schedule": [
            {"tasks": ["sst"], "epochs": 2, "combine": {"cagrad": {"c": 0.4}}},
            {"tasks": ["sst"], "epochs": 1, "loss_weights": {"sst": 0.5}},
        ],
        "train": {"eps": 1e-6},
    }
    assert repr(ROW) == before


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("schedule.2.epochs", "'2'; allowed: 0 to 1"),
        ("schedule.last.epochs", "'last'; allowed: 0 to 1"),
        ("schedule.0.combine.pcgrad.c", "the row has 'cagrad' where 'pcgrad' should be"),
        ("schedule.0.epochs.more", "the row has 2 where 'more' should be"),
    ],
)
def test_a_key_that_leads_nowhere_is_named(key, said):
    with pytest.raises(ValueError, match=f"--search {key}: {said}"):
        put(ROW, {key: 1})


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "pipeline.sweep.search", raising=False)
    with pytest.raises(ValueError, match=r"pip install -r requirements-sweep\.txt"):
        importlib.import_module("pipeline.sweep.search")
