"""Packed batches: sequences laid end to end, so that no linear layer ever computes on padding."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate, chain

import torch
from torch import Tensor

# Shape suffixes: T packed tokens, R rows, T and the filler, B sequences, B1 = B + 1, S slots of the attention bins.

# A batch is filled up to a multiple of this many rows. A CPU's matrix products are compiled for the number of rows
# that they meet: with few different numbers they are met again, with any number every step compiles its own.
ROW_MULTIPLE = 32

# A bin of fewer slots than this makes the products in it slower than the slots it saves.
SMALLEST_BIN = 32


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """Sequences laid end to end in the caller's order, and the bins in which attention looks at them.

    The encoder computes on R rows: the tokens, then fewer than `ROW_MULTIPLE` rows of filler, a sequence of its own
    that no token sees and no loss depends on.

    Attention compares the tokens of a sequence with each other, on tensors of one shape. So it lays whole sequences
    into bins of some slots: many short ones in a bin, each blind to its neighbours.
    """

    ids_T: Tensor
    positions_T: Tensor  # of a token within its sequence, from 0
    bounds_B1: Tensor  # sequence b is tokens bounds_B1[b] to bounds_B1[b + 1]
    slot_R: Tensor  # where a row lies in the bins, which lie end to end
    row_S: Tensor  # which row lies in a slot; any, in a slot left over
    sequence_S: Tensor  # the sequence whose row that is; -1 in a slot left over
    lengths: tuple[int, ...]  # of the sequences
    bins: tuple[tuple[int, int], ...]  # (number of bins, slots in each), in the order in which they lie
    types_T: Tensor | None = None  # of a token, 0 or 1; None: 0 for all

    @property
    def num_tokens(self) -> int:
        return len(self.ids_T)

    @property
    def num_fillers(self) -> int:
        return len(self.slot_R) - len(self.ids_T)

    def to(self, device: torch.device | str) -> "PackedBatch":
        """The same batch with its tensors on `device`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)})


def pack(sequences: Sequence[Sequence[int]], seconds: Sequence[int] | None = None) -> PackedBatch:
    """Pack lists of token ids, in their order; from position `seconds` of each on its tokens are of type 1.

    No sequences, or a sequence without tokens, is a `ValueError`.
    """
    lengths = tuple(len(sequence) for sequence in sequences)
    if not lengths:
        raise ValueError("cannot pack an empty list of sequences")
    if 0 in lengths:
        raise ValueError(f"sequence {lengths.index(0)} of {len(lengths)} has no tokens: at least 1 is needed")

    bounds_B1 = torch.tensor([0, *accumulate(lengths)])
    num_tokens = sum(lengths)
    lengths_with_filler = [*lengths, *([filler] if (filler := -num_tokens % ROW_MULTIPLE) else [])]
    sequence_R = torch.arange(len(lengths_with_filler)).repeat_interleave(torch.tensor(lengths_with_filler))
    starts = torch.tensor([0, *accumulate(lengths_with_filler)])
    positions_R = torch.arange(len(sequence_R)) - starts[sequence_R]
    first_slots, bins = _fill_bins(lengths_with_filler)
    slot_R = torch.tensor(first_slots)[sequence_R] + positions_R
    row_S = torch.zeros(sum(number * size for number, size in bins), dtype=torch.int64)
    row_S[slot_R] = torch.arange(len(slot_R))
    sequence_S = torch.full_like(row_S, -1)
    sequence_S[slot_R] = sequence_R
    positions_T, types_T = positions_R[:num_tokens], None
    if seconds is not None:
        types_T = (positions_T >= torch.tensor(seconds)[sequence_R[:num_tokens]]).long()
    return PackedBatch(
        ids_T=torch.tensor(list(chain.from_iterable(sequences)), dtype=torch.int64),
        positions_T=positions_T,
        bounds_B1=bounds_B1,
        slot_R=slot_R,
        row_S=row_S,
        sequence_S=sequence_S,
        lengths=lengths,
        bins=bins,
        types_T=types_T,
    )


def _fill_bins(lengths: Sequence[int]) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """The first slot of every sequence, and the bins; a bin's size is a power of 2.

    Best fit, longest first: into the bin where the least room is left over, else into the smallest new one that
    holds it. New bins only get smaller, so bins of one size are adjacent.
    """
    first_slots = [0] * len(lengths)
    bins: dict[int, int] = defaultdict(int)
    places_by_room: dict[int, list[int]] = defaultdict(list)  # free slots left in a bin -> where they begin
    num_slots = 0
    for sequence in sorted(range(len(lengths)), key=lambda sequence: -lengths[sequence]):
        length = lengths[sequence]
        room = min((room for room, places in places_by_room.items() if places and room >= length), default=None)
        if room is None:
            room = max(SMALLEST_BIN, 1 << (length - 1).bit_length())
            place, num_slots = num_slots, num_slots + room
            bins[room] += 1
        else:
            place = places_by_room[room].pop()
        first_slots[sequence] = place
        places_by_room[room - length].append(place + length)
    return first_slots, tuple((number, size) for size, number in bins.items())
