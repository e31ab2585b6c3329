"""Each sentence encoded alone; the head takes a vector of each (the paper)."""

from collections.abc import Sequence

from model import packing
from model.packing import PackedBatch

# Shape suffixes: n examples, S sentences of each.


def pack(sentences: Sequence[Sequence[int]], max_tokens: int) -> PackedBatch:
    return packing.pack(sentences)


def count_tokens(lengths_nS, max_tokens: int):
    return lengths_nS.sum(1)


def count_vectors(num_sentences: int) -> int:
    return num_sentences
