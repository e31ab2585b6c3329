"""Packed batches: sequences laid end to end, so that no padding is ever computed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

import torch
from torch import Tensor

# Shape suffixes: T packed tokens, B sequences, B1 = B + 1.


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """Sequences laid end to end in the caller's order, and the permutation that makes equal lengths adjacent.

    Attention works on sequences of equal length at once, as views of one tensor. So the encoder computes on tokens in
    *grouped* order (`x_T[order_T]`) and returns to the caller's order at the end (`y_T[restore_T]`).
    """

    ids_T: Tensor
    positions_T: Tensor  # of a token within its sequence, from 0
    bounds_B1: Tensor  # sequence b is tokens bounds_B1[b] to bounds_B1[b + 1]
    order_T: Tensor
    restore_T: Tensor
    lengths: tuple[int, ...]  # of the sequences, in the caller's order
    groups: tuple[tuple[int, int], ...]  # (num_sequences, length) in grouped order

    @property
    def num_sequences(self) -> int:
        return len(self.lengths)

    @property
    def num_tokens(self) -> int:
        return len(self.ids_T)

    def to(self, device: torch.device | str) -> "PackedBatch":
        """The same batch with its tensors on `device`."""
        names = ("ids_T", "positions_T", "bounds_B1", "order_T", "restore_T")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def pack(sequences: Sequence[Sequence[int]]) -> PackedBatch:
    """Pack lists of token ids, in their order.

    No sequences, or a sequence without tokens, is a `ValueError`.
    """
    lengths = tuple(len(sequence) for sequence in sequences)
    if not lengths:
        raise ValueError("cannot pack an empty list of sequences")
    if 0 in lengths:
        raise ValueError(f"sequence {lengths.index(0)} of {len(lengths)} has no tokens: at least 1 is needed")

    lengths_B = torch.tensor(lengths)
    bounds_B1 = torch.cat([torch.zeros(1, dtype=torch.int64), lengths_B.cumsum(0)])
    sorted_lengths_B, by_length_B = lengths_B.sort(stable=True)
    # A token's place in the batch: its sequence's start plus its position, walked shortest sequences first.
    order_T = bounds_B1[by_length_B].repeat_interleave(sorted_lengths_B) + _positions(sorted_lengths_B)
    restore_T = torch.empty_like(order_T)
    restore_T[order_T] = torch.arange(len(order_T))
    return PackedBatch(
        ids_T=torch.tensor(list(chain.from_iterable(sequences)), dtype=torch.int64),
        positions_T=_positions(lengths_B),
        bounds_B1=bounds_B1,
        order_T=order_T,
        restore_T=restore_T,
        lengths=lengths,
        groups=tuple((len(list(equal)), length) for length, equal in groupby(sorted(lengths))),
    )


def _positions(lengths_B: Tensor) -> Tensor:
    """0, 1, ... within each of the sequences that lie end to end."""
    starts_B = lengths_B.cumsum(0) - lengths_B
    return torch.arange(int(lengths_B.sum())) - starts_B.repeat_interleave(lengths_B)
