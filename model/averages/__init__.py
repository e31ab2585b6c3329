"""Averages of the weights along the training, which are measured and kept in the weights' place, a file each.

A file NAME.py has

    share(step: int, steps_per_epoch: int, *, option: type = default, ...) -> float

from 0 to 1: after step `step` of a leg, from 0, the average moves by this share of its distance to the weights. At the
first share above 0 it becomes the weights. At the last step of an epoch it is above 0, so that there is an average to
measure. The weights themselves train on. Options are as `model.registry` says. The tests run over every file.
"""

from model.registry import Registry

AVERAGES = Registry(__name__, "share")
