"""A contender in a process of its own: what it answers, and how it fails."""

import pytest

from bench import worker
from bench.inputs import read_inputs
from bench.timing import Description


def test_a_worker_measures_like_a_contender_of_this_process(inputs_folder, local_worker, monkeypatch):
    description = Description("ours", "pcgrad", batch_size=4)
    with worker.Worker(description, inputs_folder, "cpu") as process:
        assert process.wait()["name"] == "cpu"
        sample = process.measure(3, 0.0)
    expected = local_worker(description, inputs_folder, "cpu").measure(3, 0.0)
    assert (sample.tokens, sample.operations) == (expected.tokens, expected.operations)
    assert sample.seconds > 0 and sample.peak_bytes > 2**20
    lengths = read_inputs(inputs_folder).choose().lengths(read_inputs(inputs_folder).choose().draw(3, 4))
    assert sample.tokens == sum(map(sum, lengths.values()))


def test_a_process_that_dies_is_an_error(inputs_folder):
    with worker.Worker(Description("unknown"), inputs_folder, "cpu") as process, pytest.raises(RuntimeError):
        process.wait()


def test_a_missing_package_leaves_one_out(inputs_folder, local_worker, capsys):
    class Lacking(local_worker):
        def wait(self):
            if self.contender.stack.__class__.__name__ == "Peer":
                raise worker.Unavailable("peer: no package torchjd")
            return super().wait()

    descriptions = {"ours": Description("ours", batch_size=4), "peer": Description("peer", batch_size=4)}
    samples = worker.measure_together(descriptions, inputs_folder, "cpu", 1, 0.0, start=Lacking)
    assert set(samples) == {"ours"} and "no package torchjd" in capsys.readouterr().err
