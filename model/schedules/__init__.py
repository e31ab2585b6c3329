"""Learning-rate schedules: what the leg's learning rate is multiplied by at each step, a file each.

A file NAME.py has

    factor(step: int, num_steps: int, *, option: type = default, ...) -> float

for step 0 to num_steps - 1 of a leg of num_steps steps; it is finite and at least 0. Options are as `model.registry`
says. The tests run over every file.
"""

from model.registry import Registry

SCHEDULES = Registry(__name__, "factor")
