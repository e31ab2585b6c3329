"""The sample corpus's pairs: what both questions say and neither alone, and scores that follow the edits."""

from collections import Counter
from random import Random

import pytest

from pipeline.data import sample_pairs
from pipeline.data.sample_pairs import (
    ACTIVITIES,
    POPULAR,
    QUESTIONS,
    write_question_pair,
    write_scene_pair,
)

DONE = [f" {kind} {thing}" for kind, things in ACTIVITIES.items() for thing in things]
WORDINGS = {wording.split(" {do}")[0]: number for number, row in enumerate(QUESTIONS) for wording in row}


def words(text: str) -> set[str]:
    return set(text.lower().rstrip("?.").split())


def overlap(first: str, second: str) -> float:
    return len(words(first) & words(second)) / len(words(first) | words(second))


def draw(write, num: int):
    rng = Random(3)
    return [write(rng) for _ in range(num)]


def row_of(question: str) -> int:
    """The row of QUESTIONS that a question is a wording of."""
    (found,) = {number for wording, number in WORDINGS.items() if question.lower().startswith(f"{wording} ")}
    return found


def accuracy(facts: list, labels: list[float]) -> float:
    """Of the rule that answers each fact with the label that is the commonest with it."""
    counts: dict = {}
    for fact, label in zip(facts, labels, strict=True):
        counts.setdefault(fact, Counter())[label] += 1
    return sum(max(counter.values()) for counter in counts.values()) / len(labels)


@pytest.fixture(scope="module")
def questions():
    return draw(write_question_pair, 4000)


def test_a_duplicate_asks_the_same_of_the_same_thing_and_all_else_does_not(monkeypatch):
    monkeypatch.setattr(sample_pairs, "QUESTION_NOISE", 0.0)
    num_other_things = 0
    for (first, second), label in draw(write_question_pair, 2000):
        same_question = row_of(first) == row_of(second)
        same_thing = any(done in first and done in second for done in DONE)
        assert label == float(same_question and same_thing)
        assert same_question or same_thing
        num_other_things += not same_thing
    assert 100 < num_other_things < 300


def test_either_question_alone_says_nothing_and_both_say_much(questions):
    labels = [label for _, label in questions]
    rows = [tuple(map(row_of, pair)) for pair, _ in questions]
    constant = accuracy([None] * len(labels), labels)
    assert 0.58 < constant < 0.66
    assert all(accuracy([row[side] for row in rows], labels) < constant + 0.02 for side in (0, 1))
    popular = [(first == 0) + (second == 0) for first, second in rows]
    assert constant + 0.12 < accuracy(popular, labels) < accuracy(rows, labels) < 0.9
    assert QUESTIONS[0] is POPULAR


def test_no_word_decides_the_label(questions):
    labels = [label for _, label in questions]
    constant = accuracy([None] * len(labels), labels)
    bags = [Counter(word for question in pair for word in words(question)) for pair, _ in questions]
    for word in set().union(*bags):
        present = [word in bag for bag in bags]
        assert accuracy(present, labels) < constant + 0.04, word


def test_a_scene_told_twice_scores_high_and_each_edit_costs(monkeypatch):
    monkeypatch.setattr(sample_pairs, "SCORE_JITTER", 0.0)
    pairs = draw(write_scene_pair, 2000)
    scores = [score for _, score in pairs]
    unchanged = [pair for pair, score in pairs if score == 5.0]
    negated = [score for (first, second), score in pairs if "is not" in second and "is not" not in first]
    assert len(unchanged) > 150
    assert max(negated) <= 5.0 - sample_pairs.COSTS["negate"] + 0.11
    assert min(scores) >= 0.0
    assert all(overlap(*pair) < 0.85 for pair, score in pairs if score < 1.0)
