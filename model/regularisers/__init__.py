"""Regularisers: what is added to a task's loss, a file each.

A file NAME.py has

    penalty(first: Pass, *, option: type = default, ...) -> a number, differentiable

from the pass that the loss is of. It is 0, and need not be differentiable, for a task that it is not about. Random
draws come from torch's global generator, which is seeded for each pass. Options are as `model.registry` says. The
tests run over every file.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from model.registry import Registry

# Shape suffixes: n examples, D hidden, I rows of the input that is trained on.

REGULARISERS = Registry(__name__, "penalty")


@dataclass(frozen=True)
class Pass:
    """A task's batch on its way through the model in training, and what can be asked about it."""

    head: nn.Module
    pooled: tuple[Tensor, ...]  # what the head was given: an n x D for each sentence of an example
    output: Tensor  # what it made of that
    labels_n: Tensor
    # The output of another pass, with other dropout.
    again: Callable[[], Tensor]
    # The output with a noise I x D added to the input, under the same dropout: only the noise makes the difference.
    # The input are the word embeddings of the batch, or under a frozen encoder the sentence vectors. With a noise that
    # requires a gradient, this and no other gradient may be taken of the output, by `torch.autograd.grad`.
    disturb: Callable[[Tensor], Tensor]
    noise_shape: tuple[int, int]  # I x D
