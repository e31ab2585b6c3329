"""Training sets named by a committed list: an example's id is a hash of what it says, not what its file calls it."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.data.cleaning import choose_cleaning
from pipeline.data.reading import Examples
from pipeline.files.atomic import write_text


def hash_example(sentences: Sequence[str], label: float, cleaning: str) -> str:
    """An example's id: 16 hex digits, the first 64 bits of SHA-256 over its cleaned sentences in order and its label.

    They are hashed as a JSON array, in ASCII. The label is in it so that a copy of the sentences with another label,
    which a larger file may hold, is another example and cannot change the set.
    """
    clean = choose_cleaning(cleaning)
    text = json.dumps([*(clean(sentence, True) for sentence in sentences), float(label)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_ids(path: Path, examples: Examples, cleaning: str) -> None:
    """Write the sorted ids of labelled examples, one a line."""
    write_text(path, "".join(f"{name}\n" for name in sorted(set(_hash_all(examples, cleaning)))))


def read_ids(path: Path) -> list[str]:
    """The ids that `write_ids` wrote; anything else is a `ValueError` naming file and line."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    for number, (before, line) in enumerate(zip(["", *lines], lines, strict=False), start=1):
        if not re.fullmatch("[0-9a-f]{16}", line) or line <= before:
            raise ValueError(f"{path}: line {number}: {line!r}; allowed: sorted ids of 16 hex digits, each once")
    return lines


def select_listed(examples: Examples, source: Path, ids_path: Path, cleaning: str, lowercase: bool = True) -> Examples:
    """The examples that the list names, in its order, under its ids; whatever else `source` holds does not matter.

    Equal copies are one example. The set is the same, token for token, whichever file it comes from: with `lowercase`
    false (a vocabulary that knows upper case) only if copies agree in case too. A listed example that `source` lacks,
    and an id with two texts, are a `ValueError`.
    """
    ids, clean = read_ids(ids_path), choose_cleaning(cleaning)
    wanted, found = set(ids), {}
    for name, sentences, label in zip(_hash_all(examples, cleaning), examples.sentences, examples.labels, strict=True):
        if name in wanted:
            copy = (*(clean(sentence, lowercase) for sentence in sentences), label), sentences, label
            first = found.setdefault(name, copy)
            if first[0] != copy[0]:
                raise ValueError(f"{source}: the id {name} stands for both {first[1:]} and {copy[1:]}")
    if missing := [name for name in ids if name not in found]:
        count = f"{len(missing):,} of the {len(ids):,} examples"
        raise ValueError(f"{source}: it lacks {count} that {ids_path} lists, the first of them {missing[0]}")
    return Examples(ids, [found[name][1] for name in ids], [found[name][2] for name in ids])


def _hash_all(examples: Examples, cleaning: str) -> Iterable[str]:
    for sentences, label in zip(examples.sentences, examples.labels, strict=True):
        yield hash_example(sentences, label, cleaning)
