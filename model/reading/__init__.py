"""What a head takes of an example: which sequences are encoded, and which of their vectors it gets; a file each.

A head says so by its class attribute `takes`, a file of this folder; one that does not say takes `sentences`. It is
the file, not its name, so that a run's key holds the code of the readings that its heads use and of no others
(pipeline/runs/code.py). A file has

    pack(sentences, max_tokens) -> PackedBatch       of all first sentences, then all second ones
    count_tokens(lengths_nS, max_tokens) -> n        how many of each example's tokens that encodes
    count_vectors(num_sentences) -> int              sequences, so vectors, of an example

for sentences `[CLS] ... [SEP]` and an encoder that takes sequences of `max_tokens`. It may have `Layer(hidden_size,
width, dropout)`, an `nn.Module` from an example's vectors n x D to n x W, W being `width`: all heads that take it share
one, and get its output alone.
"""

from types import ModuleType
from typing import Any

from model.reading import sentences


def find_reading(head: Any) -> ModuleType:
    """What a `Head`, the class or an instance, takes."""
    return getattr(head, "takes", sentences)
