"""Gradient combination: a method maps the Gramian of the tasks' gradients to one weight per task, a file each.

A method that works by linear combinations of gradients needs only their inner products (Quinton and Rey 2024), so it
never sees the P numbers of a gradient. A file NAME.py has

    combine(gramian_KK, generator, losses_K=None, state=None, *, option: type = default, ...) -> weights_K

all on the CPU: `gramian_KK[i, j]` is the inner product of the gradients of tasks i and j, K the number of tasks in the
step. Random draws come from `generator` alone. `state` is a dict of tensors that a method may keep from step to step;
it goes into checkpoints. Options are as `model.registry` says. The tests run over every file.

The gramian is of the gradients of the shared parameters; a head takes its own task's gradient as it is. A file may have
`head_weights(weights_K) -> weights_K`, what each head's gradient is multiplied by, and `SEES_HEADS = True`: then the
gramian is of the gradients of shared and head parameters together.
"""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from torch import Tensor

from model.registry import Choice, Registry, split_choice

COMBINERS = Registry(__name__, "combine")


def find_head_weights(choice: Choice) -> Callable[[Tensor], Tensor] | None:
    """The chosen method's `head_weights`, None where it has none."""
    return getattr(_find_file(choice), "head_weights", None)


def sees_heads(choice: Choice) -> bool:
    """Whether the chosen method's gramian is of the heads' parameters too."""
    return getattr(_find_file(choice), "SEES_HEADS", False)


def _find_file(choice: Choice) -> ModuleType:
    return import_module(f"{__name__}.{split_choice(choice)[0]}")
