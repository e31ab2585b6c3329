"""The simulated schedule, on tables that one can count."""

import pytest

from studies.workers import Run, schedule


def test_a_run_waits_for_what_it_starts_from_and_another_takes_its_place():
    runs = [Run(3.0), Run(5.0, needs=0), Run(2.0)]
    two = schedule(runs, 2, driver=0, node=0)
    assert (two.wall, two.chain) == (8.0, 8.0)
    assert two.idle == pytest.approx(1 - 10 / 16)
    assert schedule(runs, 1, driver=0, node=0).wall == 10.0


def test_a_driver_that_takes_long_bounds_what_more_workers_gain():
    runs = [Run(1.0)] * 64
    assert schedule(runs, 64, driver=2.0, node=0).wall == pytest.approx(1 + 64 * 2.0)
