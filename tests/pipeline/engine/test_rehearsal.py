"""The rehearsal of a run takes few steps, however many its mixing was told."""

from pipeline.engine.rehearsal import rehearse
from pipeline.training.optimization import LegOptimizer


def test_a_mixings_number_of_steps_is_made_small(tiny, monkeypatch):
    taken, take = [], LegOptimizer.step
    monkeypatch.setattr(LegOptimizer, "step", lambda self, *place: (taken.append(place[1:]), take(self, *place))[1])
    schedule = [{"tasks": ["sst", "sts"], "epochs": 3}]
    run = tiny.add_row(schedule, train={"mixing": {"sampled": {"exponent": 0.5, "steps": 500}}})
    rehearse(run, tiny.root)
    assert 2 + 4 + 3 <= len(taken) <= 20 and {epoch for epoch, _ in taken} == {0}
