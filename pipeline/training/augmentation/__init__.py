"""Augmentations: another version of a training sentence under the same label, a file each.

A file NAME.py has

    augment(words: list[list[int]], generator: numpy.random.Generator, *, option: type = default, ...)
        -> list[list[int]]

from a sentence's words, each the ids of its word pieces, to the words of another version: at least one, with no more
pieces in all. [CLS] and [SEP] are not among them. A sentence is given each time that a step takes it, with a generator
of that step and its task. The sentences of an evaluation, of a selection and of a frozen encoder, which reads each
once, stay as they are. Options are as `model.registry` says. The tests run over every file.
"""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np

from model.registry import Choice, Registry
from pipeline.data.vocabulary import CONTINUES, read_vocabulary

AUGMENTATIONS = Registry(__name__, "augment")

Augmentation = Callable[[list[int], np.random.Generator], list[int]]


def make_augmentation(choice: Choice, vocab_path: Path) -> Augmentation:
    """What an entry makes of a whole sentence's token ids; its first and last, [CLS] and [SEP], stay."""
    augment = AUGMENTATIONS.bind(choice)
    continues = [piece.startswith(CONTINUES) for piece in read_vocabulary(vocab_path)]

    def augment_sentence(token_ids: list[int], generator: np.random.Generator) -> list[int]:
        first, *pieces, last = token_ids
        words: list[list[int]] = []
        for piece in pieces:
            if words and continues[piece]:
                words[-1].append(piece)
            else:
                words.append([piece])
        return [first, *chain.from_iterable(augment(words, generator) if words else []), last]

    return augment_sentence
