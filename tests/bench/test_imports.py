"""What -X importtime says, by package."""

from bench.imports import split_by_package

REPORT = """import time: self [us] | cumulative | imported package
import time:       100 |        100 |     torch._C
import time:       900 |       1000 |   torch
import time:        20 |       1020 | stages.train
"""


def test_self_times_of_a_package_are_added():
    assert split_by_package(REPORT) == {"torch": 0.001, "stages": 0.00002}
