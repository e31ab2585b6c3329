"""The same learning rate at every step."""


def factor(step: int, num_steps: int) -> float:
    """1."""
    return 1.0
