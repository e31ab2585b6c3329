"""Gradient combination: a method maps the Gramian of the tasks' gradients to one weight per task, a file each.

A method that works by linear combinations of gradients needs only their inner products (Quinton and Rey 2024), so it
never sees the P numbers of a gradient. A file NAME.py has

    combine(gramian_KK, generator, losses_K=None, state=None, *, option: type = default, ...) -> weights_K

all on the CPU: `gramian_KK[i, j]` is the inner product of the gradients of tasks i and j, K the number of tasks in the
step. Random draws come from `generator` alone. `state` is a dict of tensors that a method may keep from step to step;
it goes into checkpoints. Options are as `model.registry` says. The tests run over every file.
"""

from model.registry import Registry

COMBINERS = Registry(__name__, "combine")
