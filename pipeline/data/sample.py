"""The project's own small corpus, for a first run offline: the course's four tasks, file names and format.

Its text is written from our own templates. It shows that everything works, not how good a method is.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pipeline.data.sample_pairs import write_question_pair, write_scene_pair
from pipeline.data.sample_reviews import write_review, write_sentence
from pipeline.files.atomic import atomic_folder

Example = tuple[tuple[str, ...], float]


@dataclass(frozen=True)
class SampleTask:
    """How a task's files look: name prefix, columns, label format, and the columns before `id` in the test file."""

    write_example: Callable[[Random], Example]
    prefix: str
    sentence_columns: tuple[str, ...]
    label_column: str
    label_format: str
    test_has_two_numbers: bool


TASKS = {
    "sst": SampleTask(write_sentence, "ids-sst", ("sentence",), "sentiment", "{:.0f}", True),
    "cfimdb": SampleTask(write_review, "ids-cfimdb", ("sentence",), "sentiment", "{:.0f}", True),
    "para": SampleTask(write_question_pair, "quora", ("sentence1", "sentence2"), "is_duplicate", "{:.1f}", False),
    "sts": SampleTask(write_scene_pair, "sts", ("sentence1", "sentence2"), "similarity", "{}", False),
}
# Dev first: another number of training examples leaves it as it was.
SPLITS = {"dev": "dev", "train": "train", "test": "test-student"}
MIN_ROWS = 8


def write_sample_corpus(folder: Path, sizes: dict[str, dict[str, int]], seed: int) -> None:
    """Write the corpus's csv files into `folder`, which appears whole or not at all.

    `sizes` gives rows per task and split, `{"sst": {"train": 480, "dev": 500, "test": 100}, ...}`; a split may be left
    out. Equal arguments give equal bytes. Each train and dev file has one of each odd row that real files hold: an
    empty sentence, `NA`, `None`, quotes, and (train only) a missing label; these apart, no example of a task is there
    twice.
    """
    for task, splits in sizes.items():
        if task not in TASKS:
            raise ValueError(f"sizes: task {task!r} is not one of {', '.join(TASKS)}")
        for split, num_rows in splits.items():
            if split not in SPLITS:
                raise ValueError(f"sizes: split {split!r} of {task} is not one of {', '.join(SPLITS)}")
            if num_rows < MIN_ROWS:
                raise ValueError(f"sizes: {task} {split} has {num_rows} rows, allowed are {MIN_ROWS} or more")
    with atomic_folder(folder) as temporary:
        for task, splits in sizes.items():
            seen: set[frozenset[str]] = set()
            for split in (name for name in SPLITS if name in splits):
                # A stream of its own for each split: no size changes another split's beginning.
                rng = Random(f"{seed}/{task}/{split}")
                examples = [_write_new_example(rng, TASKS[task], seen) for _ in range(splits[split])]
                rows = _label_rows(rng, examples, TASKS[task], split)
                _write_csv(temporary / f"{TASKS[task].prefix}-{SPLITS[split]}.csv", rows)


def _write_new_example(rng: Random, task: SampleTask, seen: set[frozenset[str]]) -> Example:
    while True:
        sentences, label = task.write_example(rng)
        key = frozenset(sentence.lower() for sentence in sentences)
        if key not in seen and len(key) == len(sentences):
            seen.add(key)
            return sentences, label


def _label_rows(rng: Random, examples: list[Example], task: SampleTask, split: str) -> list[list[str]]:
    """The csv's rows, header first: row number, id, sentences, label, as the course has them."""
    rows = []
    for number, (sentences, label) in enumerate(examples):
        rows.append([str(number), f"{rng.getrandbits(100):025x}", *sentences, task.label_format.format(label)])
    header = ["", "id", *task.sentence_columns, task.label_column]
    if split == "test":
        rows = [row[:-1] for row in rows]
        header.pop()
        if task.test_has_two_numbers:
            rows = [[str(number), f"{number - 1:.1f}", *row[1:]] for number, row in enumerate(rows, start=1)]
            header.insert(0, "0")
        return [header, *rows]
    empty, missing, none, quoted, unlabelled = rng.sample(range(len(rows)), 5)
    last_sentence = 1 + len(task.sentence_columns)
    rows[empty][last_sentence] = ""
    rows[missing][last_sentence] = "NA"
    rows[none][2] = "None"
    rows[quoted][2] = f'"{rows[quoted][2]}", or ""so to say""'
    if split == "train":
        rows[unlabelled][-1] = ""
    return [header, *rows]


def _write_csv(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
