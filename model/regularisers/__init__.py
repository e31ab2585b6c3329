"""Regularisers: what is added to a task's loss, a file each.

A file NAME.py has

    penalty(head, output, forward, *, option: type = default, ...) -> a number, differentiable

`output` is the head's for the batch, and `forward()` computes another one for the same batch, with other dropout.
Options are as `model.registry` says. The tests run over every file.
"""

from model.registry import Registry

REGULARISERS = Registry(__name__, "penalty")
