"""Predictions and sentence vectors of many sentences: evaluation mode, batches of similar length, bounded memory."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from model.kernels import FixedWeights
from model.multitask import MultitaskModel
from pipeline.data.token_files import TokenSet

# Shape suffixes: n examples, V vectors of an example (one for each sequence that is encoded), B = n * V, D hidden.


@torch.inference_mode()
def predict(model: MultitaskModel, task: str, tokens: TokenSet, indices: Sequence[int], max_tokens: int) -> np.ndarray:
    """The task's predictions, float32 of shape (n,), in the order of `indices`."""
    head, fixed = model.heads[task], FixedWeights()

    def predict_batch(batch: np.ndarray) -> Tensor:
        return head.predict(model(task, model.pack(task, tokens.sentences(batch)), fixed))

    return _by_length(model, task, tokens, indices, max_tokens, predict_batch)


@torch.inference_mode()
def compute_outputs(
    model: MultitaskModel, task: str, tokens: TokenSet, indices: Sequence[int], max_tokens: int
) -> np.ndarray:
    """What the task's head makes of each example (logits n x C, or scores n), float32, in the order of `indices`."""
    fixed = FixedWeights()

    def compute_batch(batch: np.ndarray) -> Tensor:
        return model(task, model.pack(task, tokens.sentences(batch)), fixed)

    return _by_length(model, task, tokens, indices, max_tokens, compute_batch)


@torch.no_grad()  # vectors that a head is trained on, so no inference tensors
def encode(model: MultitaskModel, task: str, tokens: TokenSet, indices: Sequence[int], max_tokens: int) -> np.ndarray:
    """The vectors of each example of the task, float32 n x V x D, in the order of `indices`."""

    fixed = FixedWeights()

    def encode_batch(batch: np.ndarray) -> Tensor:
        pooled_BD = model.encode(model.pack(task, tokens.sentences(batch)), fixed)
        return pooled_BD.view(-1, len(batch), pooled_BD.shape[1]).transpose(0, 1)

    return _by_length(model, task, tokens, indices, max_tokens, encode_batch)


def _by_length(
    model: MultitaskModel,
    task: str,
    tokens: TokenSet,
    indices: Sequence[int],
    max_tokens: int,
    function: Callable[[np.ndarray], Tensor],
) -> np.ndarray:
    """Apply `function` to batches of examples of similar length; rows come back in the order of `indices`."""
    indices = np.asarray(indices)
    lengths = model.count_tokens(task, tokens.lengths.reshape(tokens.num_examples, -1))[indices]
    was_training = model.training
    model.eval()
    try:
        outputs = [
            (places, function(indices[places]).float().cpu().numpy()) for places in _batches(lengths, max_tokens)
        ]
    finally:
        model.train(was_training)
    result = np.empty((len(indices), *outputs[0][1].shape[1:]), np.float32)
    for places, rows in outputs:
        result[places] = rows
    return result


def _batches(lengths: np.ndarray, max_tokens: int) -> Iterator[np.ndarray]:
    """Places of examples so long, the shortest first, in batches of at most `max_tokens` tokens (or one example)."""
    order = np.argsort(lengths, kind="stable")
    start, total = 0, 0
    for end, length in enumerate(lengths[order]):
        if total + length > max_tokens and end > start:
            yield order[start:end]
            start, total = end, 0
        total += length
    yield order[start:]
