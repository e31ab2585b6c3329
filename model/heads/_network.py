"""What several heads are made of: the 2-layer network, and what it is given of two sentences."""

import torch
from torch import Tensor, nn

# Shape suffixes: n examples, D hidden.


def make_network(input_size: int, width: int, output_size: int, dropout: float, bias: bool = True) -> nn.Sequential:
    """Two linear layers with dropout before each, initialised as torch does; `bias`: whether the second has one."""
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(input_size, width),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(width, output_size, bias=bias),
    )


def join(first_nD: Tensor, second_nD: Tensor, compare: bool) -> Tensor:
    """[u; v], n x 2D; with `compare` [u; v; |u - v|; u * v], n x 4D (Conneau et al. 2017, section 3.1)."""
    parts = [first_nD, second_nD] + ([(first_nD - second_nD).abs(), first_nD * second_nD] if compare else [])
    return torch.cat(parts, dim=-1)
