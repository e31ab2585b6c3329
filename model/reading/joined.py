"""Both sentences in one sequence, `[CLS] a [SEP] b [SEP]`, types 0 and 1: a cross-encoder, Devlin et al. 2019, 4.1."""

from collections.abc import Sequence

from model import packing
from model.packing import PackedBatch

# Shape suffixes: n examples, S = 2 sentences of each.

NUM_SPECIAL = 3  # [CLS] and both [SEP]


def pack(sentences: Sequence[Sequence[int]], max_tokens: int) -> PackedBatch:
    """Pairs that are too long lose tokens as `shorten` says, never a [SEP]; the second [CLS] is dropped."""
    if len(sentences) % 2:
        raise ValueError(f"{len(sentences)} sentences make no pairs: an even number is needed")
    num_examples, sequences, seconds = len(sentences) // 2, [], []
    for first, second in zip(sentences[:num_examples], sentences[num_examples:], strict=True):
        kept_first, kept_second = shorten(len(first) - 2, len(second) - 2, max_tokens - NUM_SPECIAL)
        start = [*first[: 1 + kept_first], first[-1]]
        sequences.append([*start, *second[1 : 1 + kept_second], second[-1]])
        seconds.append(len(start))
    return packing.pack(sequences, seconds)


def shorten(first: int, second: int, limit: int) -> tuple[int, int]:
    """How many tokens of each are kept: while there are more than `limit` the longer loses its last, of two the second.

    Counted at once: either one keeps what the other leaves, but half where both have more.
    """
    if first + second <= limit:
        return first, second
    kept = min(first, max(limit - second, limit - limit // 2))
    return kept, limit - kept


def count_tokens(lengths_nS, max_tokens: int):
    return (lengths_nS.sum(1) - 1).clip(max=max_tokens)


def count_vectors(num_sentences: int) -> int:
    return 1
