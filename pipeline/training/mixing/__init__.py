"""Mixings: which examples of which tasks the steps of an epoch take, a file each.

A file NAME.py has

    mix(num_examples: dict[str, int], batch_size: int, *, seed: int, leg: int, epoch: int, option: type = default, ...)
        -> list[dict[str, positions]]

from each task's number of training examples to one dict per step, which holds 1 to `batch_size` positions (from 0) of
each task that the step trains, one task at least. It is a pure function: resuming needs the step's number alone. All
epochs have equally many steps. `seed` is derived from the run's seed and its phase, so that phase 2 draws other numbers
than phase 1. Options are as `model.registry` says. The tests run over every file.

`mix` may also ask, after the `*` and without a default, for

    num_epochs: int                    of the leg
    lengths: dict[str, lengths_n]      the tokens of each training example; it may then go by these, not `batch_size`

A file whose steps train one task each says `TOGETHER = False`: there is no gradient to combine.
"""

from importlib import import_module

from model.registry import Choice, Registry, split_choice

MIXINGS = Registry(__name__, "mix")


def trains_together(choice: Choice) -> bool:
    """Whether a step of the chosen mixing may train several tasks."""
    return getattr(import_module(f"{__name__}.{split_choice(choice)[0]}"), "TOGETHER", True)
