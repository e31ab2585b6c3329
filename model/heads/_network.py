"""The 2-layer network that several heads are made of."""

from torch import nn


def make_network(input_size: int, width: int, output_size: int, dropout: float) -> nn.Sequential:
    """Two linear layers with dropout before each, initialised as torch initialises `nn.Linear`."""
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(input_size, width),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(width, output_size),
    )
