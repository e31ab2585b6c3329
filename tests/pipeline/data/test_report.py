"""The data report on splits small enough to count by hand, and on the course's own files where they are at hand."""

import os
from pathlib import Path

import pytest

from pipeline.data.reading import Examples, LabelRange, read_examples
from pipeline.data.report import describe_overlap, describe_split
from pipeline.data.tokenizing import TokenizedSentences

MIRROR = os.environ.get("BERTY_MIRROR")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="BERTY_MIRROR is not set: the course's csv files are not here")
TRAIN = Examples(
    ["a", "b", "c", "c"],
    [("How?", "Why?"), ("why?", "HOW?"), (" ", "Who?"), ("One", "Two")],
    [0.0, 1.0, 1.0, 1.0],
    ["train.csv line 4 (id x)"],
)
TRAIN_TOKENS = TokenizedSentences([[0] * n for n in (3, 3, 3, 3, 2, 3, 20, 3)], 1)
DEV = Examples(["d", "e", "f"], [("Two", "one"), ("Who?", "Where?"), ("x", "y")], [4.6, 4.2, 0.0])


def test_a_split_is_counted():
    split = describe_split(TRAIN, TRAIN_TOKENS)
    assert (split["num_rows"], split["num_examples"], split["num_labelled"]) == (5, 4, 4)
    assert split["unlabelled"] == ["train.csv line 4 (id x)"]
    assert split["labels"] == {"counts": {"0": 1, "1": 3}, "mean": 0.75}
    assert split["tokens_per_sentence"] == {"mean": 5.0, "median": 3.0, "p95": 14.05, "max": 20}
    assert (split["num_tokens"], split["num_truncated"]) == (40, 1)
    assert (split["num_duplicates"], split["num_duplicate_ids"], split["num_empty_sentences"]) == (1, 1, 1)


def test_overlap_ignores_order_and_case():
    assert describe_overlap(TRAIN, DEV) == {
        "num_shared_examples": 1,
        "shared_fraction": 0.333333,
        "num_sharing_a_sentence": 2,
        "sharing_a_sentence_fraction": 0.666667,
    }
    single = Examples(["a"], [("Good",)], [1.0])
    assert describe_overlap(single, Examples(["b"], [("good",)], [1.0])) == {
        "num_shared_examples": 1,
        "shared_fraction": 1.0,
    }


@needs_mirror
def test_the_courses_quora_dev_shares_sentences_but_no_pair_with_the_training_part():
    columns, binary = ["sentence1", "sentence2"], LabelRange(0, 1, integer=True)
    train = read_examples(Path(MIRROR) / "quora-train-part.csv", columns, "is_duplicate", binary)
    dev = read_examples(Path(MIRROR) / "quora-dev.csv", columns, "is_duplicate", binary)
    overlap = describe_overlap(train, dev)
    assert overlap["num_shared_examples"] == 0
    assert overlap["sharing_a_sentence_fraction"] == pytest.approx(0.31, abs=0.01)
