"""Packed batches: tokens end to end, and a permutation that makes equal lengths adjacent."""

import pytest
import torch

from model.packing import pack

SEQUENCES = [[5, 6, 7], [8], [9, 10, 11], [12, 13], [14]]


def test_tokens_keep_their_order():
    batch = pack(SEQUENCES)
    assert batch.ids_T.tolist() == [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert batch.positions_T.tolist() == [0, 1, 2, 0, 0, 1, 2, 0, 1, 0]
    assert batch.bounds_B1.tolist() == [0, 3, 4, 7, 9, 10]
    assert batch.lengths == (3, 1, 3, 2, 1)
    assert (batch.num_sequences, batch.num_tokens) == (5, 10)


def test_grouped_order_makes_equal_lengths_adjacent():
    batch = pack(SEQUENCES)
    assert batch.groups == ((2, 1), (1, 2), (2, 3))
    assert batch.ids_T[batch.order_T].tolist() == [8, 14, 12, 13, 5, 6, 7, 9, 10, 11]
    assert batch.positions_T[batch.order_T].tolist() == [0, 0, 0, 1, 0, 1, 2, 0, 1, 2]


def test_restore_undoes_order():
    batch = pack(SEQUENCES)
    assert torch.equal(batch.ids_T[batch.order_T][batch.restore_T], batch.ids_T)


def test_to_moves_every_tensor():
    batch = pack(SEQUENCES).to("meta")
    tensors = [value for value in vars(batch).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == 5
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert batch.lengths == pack(SEQUENCES).lengths


def test_no_sequences_is_an_error():
    with pytest.raises(ValueError, match="empty list"):
        pack([])


def test_a_sequence_without_tokens_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="sequence 1 of 3 has no tokens"):
        pack([[1], [], [2]])
