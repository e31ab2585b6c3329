"""A step beside busy processes: they are there while it is measured, and gone afterwards."""

from contextlib import contextmanager

import pytest

from bench import neighbours
from bench.timing import Description, Sample


def test_a_step_is_measured_beside_so_many_busy_processes(tmp_path, monkeypatch):
    present, alive = [], []
    keep_busy = neighbours.keep_busy

    @contextmanager
    def watched(number):
        with keep_busy(number) as busy:
            present[:] = busy
            yield busy

    monkeypatch.setattr(neighbours, "keep_busy", watched)

    class Counting:
        """Takes as many seconds as there are busy processes, and one more; the peer twice as many of them."""

        def __init__(self, description: Description, *_):
            self.share = {"ours": 1, "peer": 2}[description.kind]

        def wait(self):
            return {}

        def measure(self, number, seconds):
            alive.append(sum(process.poll() is None for process in present))
            return Sample(1.0 + self.share * alive[-1], 1, 1, 1)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    samples = neighbours.measure("fp32", tmp_path, "cpu", 1, 0.0, Counting)
    assert neighbours.summarise(samples) == {
        "ours_slowdown_by_busy_processes": {"1": 2.0, "2": 3.0},
        "peer_slowdown_by_busy_processes": {"1": 3.0, "2": 5.0},
    }
    assert alive == [0] * 4 + [1] * 4 + [2] * 4  # of both, a round unmeasured and one measured


def test_busy_processes_end_with_the_block_also_after_an_error():
    with pytest.raises(RuntimeError), neighbours.keep_busy(2) as busy:
        assert [process.poll() for process in busy] == [None, None]
        raise RuntimeError
    assert all(process.poll() is not None for process in busy)
