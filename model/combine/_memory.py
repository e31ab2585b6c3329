"""What a method kept from the steps before. It is no method: its name begins with `_`."""

from torch import Tensor


def recall(state: dict[str, Tensor] | None, name: str, start: Tensor, method: str) -> Tensor:
    """The tensor of this name, `start` before the first step; its rows, or entries, are one per task.

    A method that knows tasks by their place alone cannot follow steps with other tasks: another number of them than
    before is a `ValueError`.
    """
    if state is None:
        raise ValueError(f"{method} needs a state")
    kept = state.get(name, start)
    if len(kept) != len(start):
        raise ValueError(f"{method}: {len(start)} tasks in this step, {len(kept)} before; every step must have all")
    return kept


def require_losses(losses_K: Tensor | None, method: str) -> Tensor:
    if losses_K is None:
        raise ValueError(f"{method} needs the losses")
    return losses_K.double()
