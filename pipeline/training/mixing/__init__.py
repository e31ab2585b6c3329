"""Mixings: which examples of which tasks the steps of an epoch take, a file each.

A file NAME.py has

    mix(num_examples: dict[str, int], batch_size: int, *, seed: int, leg: int, epoch: int, option: type = default, ...)
        -> list[dict[str, positions]]

from each task's number of training examples to one dict per step, which holds 1 to `batch_size` positions (from 0) of
each task that the step trains, one task at least. It is a pure function: resuming needs the step's number alone. All
epochs have equally many steps. `seed` is derived from the run's seed and its phase, so that phase 2 draws other numbers
than phase 1. Options are as `model.registry` says. The tests run over every file.
"""

from model.registry import Registry

MIXINGS = Registry(__name__, "mix")
