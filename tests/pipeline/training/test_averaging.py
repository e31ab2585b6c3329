"""An average of the weights is what is measured and left, and training goes on as if there were none."""

from types import SimpleNamespace

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from pipeline.evaluation.saved_model import build_model, load_model
from pipeline.training import loop, optimization
from pipeline.training.begin import train
from pipeline.training.loop import Training
from pipeline.training.moving_average import average_

LEG = {"tasks": ["sst", "sts"], "epochs": 3}
AVERAGES = [{"ema": {"decay": 0.5}}, "swa", {"swa": {"first": 2}}]


@pytest.fixture
def watched(monkeypatch):
    """`raw` is the weights after every step, `shown` the model when it is measured, after each epoch."""
    watched, finish = SimpleNamespace(raw=[], shown=[]), Training._finish_epoch

    def watch_step(average, weights, share):
        watched.raw.append({name: weight.detach().clone() for name, weight in weights.items()})
        average_(average, weights, share)

    def watch_epoch(self, *arguments):
        watched.shown.append({name: tensor.clone() for name, tensor in self.state.model.state_dict().items()})
        finish(self, *arguments)

    monkeypatch.setattr(optimization, "average_", watch_step)
    monkeypatch.setattr(Training, "_finish_epoch", watch_epoch)
    monkeypatch.setattr(loop, "probe", lambda *_: {})
    return watched


def average_torchs(run, choice, raw):
    """torch's average after each of the three epochs."""
    model, (name, options) = (
        build_model(run.spec, 0),
        (choice, {}) if isinstance(choice, str) else next(iter(choice.items())),
    )
    averaged, found = AveragedModel(model, avg_fn=get_ema_avg_fn(0.5) if name == "ema" else None), []
    for step, weights in enumerate(raw, start=1):
        epoch, rest = divmod(step, len(raw) // 3)
        model.load_state_dict(weights, strict=False)
        if name == "ema" or (not rest and epoch >= options.get("first", 1)):
            averaged.update_parameters(model)
        if not rest:
            source = averaged.module if averaged.n_averaged else model
            found.append({name: tensor.clone() for name, tensor in source.state_dict().items()})
    return found


@pytest.mark.parametrize("choice", AVERAGES, ids=str)
def test_the_average_is_torchs_is_measured_and_left_and_disturbs_nothing(tiny, watched, choice):
    plain = tiny.add_row([LEG], train={"keep": "last"})
    train(plain)
    expected_raw, watched.raw[:], watched.shown[:] = [*watched.raw], [], []
    run = tiny.add_row([LEG], train={"keep": "last", "average": choice})
    train(run)
    assert len(watched.raw) == len(expected_raw) and len(watched.shown) == 3
    for found, expected in zip(watched.raw, expected_raw, strict=True):
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    for shown, expected in zip(watched.shown, average_torchs(run, choice, watched.raw), strict=True):
        for name, tensor in shown.items():
            torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-7)
    left = load_model(tiny.model(run))[0].state_dict()
    assert all(torch.equal(left[name], watched.shown[-1][name]) for name in left)
    assert not torch.equal(left["heads.sst.network.1.weight"], watched.raw[-1]["heads.sst.network.1.weight"])


def test_the_best_epochs_average_is_kept_and_the_next_leg_begins_with_it(tiny, watched, monkeypatch):
    falling = SimpleNamespace(score=lambda *_: -len(watched.shown))
    monkeypatch.setattr(loop, "METRICS", {"accuracy": falling, "pearson": falling})
    after = {"tasks": ["sts"], "epochs": 2, "encoder": "frozen"}
    run = tiny.add_row([LEG, after], train={"average": {"ema": {"decay": 0.5}}})
    train(run)
    first = watched.shown[0]
    for shown in watched.shown[3:]:
        changed = {name for name in first if not torch.equal(shown[name], first[name])}
        assert changed == {name for name in first if name.startswith("heads.sts.")}
    of_second = [weights for weights in watched.raw if all(name.startswith("heads.sts.") for name in weights)]
    assert len(of_second) == 2 * 3  # what is averaged there is the head alone


def test_a_share_moves_the_average_and_nothing_does_not():
    average, weights = {}, {"w": torch.nn.Parameter(torch.tensor([4.0]))}
    average_(average, weights, 0.0)
    assert average == {}
    average_(average, weights, 0.25)
    with torch.no_grad():
        weights["w"].fill_(8.0)
    average_(average, weights, 0.25)
    average_(average, weights, 0.0)
    assert average["w"].tolist() == [5.0] and weights["w"].tolist() == [8.0]
