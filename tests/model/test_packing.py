"""Packed batches: tokens end to end, whole sequences in bins, a number of rows that comes again."""

import pytest
import torch

from model.packing import ROW_MULTIPLE, SMALLEST_BIN, pack

SEQUENCES = [[5, 6, 7], [8], [9, 10, 11], [12, 13], [14]]
LENGTHS = (3, 60, 1, 33, 32, 20, 64, 65, 7, 200, 128, 31)


def test_tokens_keep_their_order():
    batch = pack(SEQUENCES)
    assert batch.ids_T.tolist() == [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert batch.positions_T.tolist() == [0, 1, 2, 0, 0, 1, 2, 0, 1, 0]
    assert batch.bounds_B1.tolist() == [0, 3, 4, 7, 9, 10]
    assert batch.lengths == (3, 1, 3, 2, 1)
    assert batch.num_tokens == 10


@pytest.mark.parametrize("lengths", [LENGTHS, (1,), (32,), (33,), tuple(range(1, 80))])
def test_every_sequence_lies_whole_in_one_bin(lengths):
    batch = pack([[1] * length for length in lengths])
    sizes = [size for number, size in batch.bins for _ in range(number)]
    assert sum(sizes) == len(batch.row_S) == len(batch.sequence_S)
    bin_S = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    for sequence, slots in enumerate(batch.slot_R[: sum(lengths)].split(lengths)):
        assert slots.tolist() == list(range(int(slots[0]), int(slots[0]) + lengths[sequence])), "its tokens in order"
        assert len(bin_S[slots].unique()) == 1
        assert batch.sequence_S[slots].unique().tolist() == [sequence]
    assert len(batch.slot_R.unique()) == len(batch.slot_R), "no slot is taken twice"
    assert torch.equal(batch.row_S[batch.slot_R], torch.arange(len(batch.slot_R)))
    taken = torch.zeros(len(batch.row_S), dtype=torch.bool)
    taken[batch.slot_R] = True
    assert (batch.sequence_S[~taken] == -1).all()
    filler = batch.sequence_S[batch.slot_R[sum(lengths) :]]
    assert not set(filler.tolist()) & set(range(-1, len(lengths))), "the filler is a sequence of its own"


def test_bins_are_as_small_as_their_longest_sequence_allows_and_well_filled():
    batch = pack([[1] * length for length in LENGTHS])
    sizes = [size for _, size in batch.bins]
    assert sizes == sorted(set(sizes), reverse=True) and sizes[-1] >= SMALLEST_BIN
    assert sizes[0] == 256
    short = pack([[1] * 10] * 96)
    assert short.bins == ((32, SMALLEST_BIN),), "three sequences of 10 in a bin of 32"
    assert pack([[1] * 16] * 64).bins == ((32, SMALLEST_BIN),), "a sequence may take all the room that is left"


def test_no_sequences_is_an_error():
    with pytest.raises(ValueError, match="empty list"):
        pack([])


def test_a_sequence_without_tokens_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="sequence 1 of 3 has no tokens"):
        pack([[1], [], [2]])


def test_the_number_of_rows_is_filled_up_and_no_further():
    for length in (1, ROW_MULTIPLE - 1, ROW_MULTIPLE, ROW_MULTIPLE + 1):
        batch = pack([[1] * length])
        assert len(batch.slot_R) % ROW_MULTIPLE == 0
        assert 0 <= batch.num_fillers < ROW_MULTIPLE
        assert batch.num_tokens == length == len(batch.positions_T)


def test_to_moves_every_tensor():
    batch = pack(SEQUENCES).to("meta")
    tensors = [value for value in vars(batch).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == 6
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert batch.lengths == pack(SEQUENCES).lengths
