"""SMART's smoothness: a small noise, chosen to do most harm, is to leave the output as it is; Jiang et al. 2020, 3.1.

The noise is on the word embeddings; under a frozen encoder, whose embeddings nothing trains on, on the sentence
vectors. It is chosen by ascent: normal numbers, then steps along the divergence's gradient, each token's scaled to a
largest number of 1 (the paper scales an example's at once). All passes have the dropout of the one that the loss is
of. The paper's other half, the Bregman proximal point with its momentum (section 3.2), is left out. A step of training
takes about three times as long.

The defaults are the paper's, epsilon apart: with its 1e-5 the penalty was 2e-5 for an encoder of minilm's shape with
random weights, which trains nothing, and .015 with 1e-3, the size of one step. `penalty/TASK` in the log says what it
is for others.
"""

from typing import Annotated

import torch
from torch import Tensor

from model.registry import Bounds
from model.regularisers import Pass
from model.regularisers._divergence import diverge

# Shape suffixes: I rows of the input, D hidden.


def penalty(
    first: Pass,
    *,
    alpha: Annotated[float, Bounds(0)] = 1.0,
    epsilon: Annotated[float, Bounds(0)] = 1e-3,
    sigma: Annotated[float, Bounds(0)] = 1e-5,
    step_size: Annotated[float, Bounds(0)] = 1e-3,
    num_steps: Annotated[int, Bounds(1)] = 1,
) -> Tensor:
    """alpha times KL(p, q) + KL(q, p), or of scores the squared difference, without and with the noise.

    No number of the noise is larger than `epsilon`; `sigma` is the standard deviation of the first numbers.
    """
    clean, device = first.output.detach(), first.output.device
    noise_ID = sigma * torch.randn(first.noise_shape, device=device)
    for _ in range(num_steps):
        noise_ID.requires_grad_()
        (gradient_ID,) = torch.autograd.grad(diverge(first.head, clean, first.disturb(noise_ID)), noise_ID)
        largest_I1 = gradient_ID.abs().amax(dim=1, keepdim=True)
        direction_ID = gradient_ID / largest_I1.clamp(min=torch.finfo(largest_I1.dtype).tiny)
        noise_ID = (noise_ID.detach() + step_size * direction_ID).clamp(-epsilon, epsilon)
    return alpha * diverge(first.head, first.output, first.disturb(noise_ID))
