"""Mixout: in each step some weights are the published ones; Lee, Cho and Kang 2020 (ICLR), weight by weight."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from model.kernels import draw_mask


class Mixout:
    """For the passes of a step each weight is its published value with probability p, else moved further from it.

    m being 0 with probability p and else 1 / (1 - p), the passes compute with w0 + m (w - w0), whose mean is w and
    whose gradient by w is m times its own. Biases stay as they are.
    """

    def __init__(self, published: dict[nn.Parameter, Tensor], probability: float) -> None:
        """`published` has of each parameter what it is replaced by, `probability` is at least 0 and less than 1."""
        self.published, self.probability = published, probability
        self.masks: dict[nn.Parameter, Tensor] = {}  # those of this step
        self.own: dict[nn.Parameter, Tensor] = {}  # the weights themselves

    @torch.no_grad()
    def mix_(self) -> None:
        """Put mixed weights into the parameters; the masks are drawn by torch's global generator."""
        for parameter, published in self.published.items():
            mask = draw_mask(parameter, self.probability).div_(1 - self.probability)
            self.masks[parameter], self.own[parameter] = mask, parameter.data
            parameter.data = torch.addcmul(published, mask, parameter - published)

    def restore_(self, gradients: Iterable[Mapping[nn.Parameter, Tensor]]) -> None:
        """Put the weights themselves back, and make each task's gradients by the mixed ones those by them."""
        for parameter, own in self.own.items():
            parameter.data = own
        for each in gradients:
            for parameter, mask in self.masks.items():
                each[parameter].mul_(mask)
