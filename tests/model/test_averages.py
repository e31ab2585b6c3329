"""Every average by contract, and each against torch's AveragedModel."""

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from model.averages import AVERAGES
from model.registry import find_option_faults

NUM_STEPS, STEPS_PER_EPOCH = 12, 3


def average_ours(choice, weights):
    """The average after every step; None before there is one."""
    share, average, found = AVERAGES.bind(choice), None, []
    for step, weight in enumerate(weights):
        moved = share(step, STEPS_PER_EPOCH)
        if moved:
            average = weight if average is None else average + moved * (weight - average)
        found.append(average)
    return found


def average_torchs(weights, avg_fn=None):
    model = torch.nn.Linear(1, 1, bias=False).double()
    averaged, found = AveragedModel(model, avg_fn=avg_fn), []
    for weight in weights:
        model.weight.data.fill_(weight)
        averaged.update_parameters(model)
        found.append(averaged.module.weight.item())
    return found


@pytest.fixture
def weights():
    torch.manual_seed(0)
    return torch.randn(NUM_STEPS, dtype=torch.float64).tolist()


@pytest.mark.parametrize("name", AVERAGES)
@pytest.mark.parametrize("steps_per_epoch", [1, 4])
def test_a_share_is_a_fraction_and_an_epoch_ends_with_one(name, steps_per_epoch):
    shares = [AVERAGES[name](step, steps_per_epoch) for step in range(5 * steps_per_epoch)]
    assert all(isinstance(share, float) and 0 <= share <= 1 for share in shares)
    assert all(share > 0 for share in shares[steps_per_epoch - 1 :: steps_per_epoch])
    assert find_option_faults(AVERAGES[name], AVERAGES[name].__kwdefaults__ or {}) == []


def test_ema_is_torchs(weights):
    for decay in (0.0, 0.3, 0.5):
        expected = average_torchs(weights, get_ema_avg_fn(decay))
        assert average_ours({"ema": {"decay": decay}}, weights) == pytest.approx(expected, abs=1e-12)


def test_ema_is_the_mean_while_that_is_shorter(weights):
    found, mean = average_ours({"ema": {"decay": 0.75}}, weights), average_torchs(weights)
    assert found[:4] == pytest.approx(mean[:4], abs=1e-12)
    for step in range(4, NUM_STEPS):
        assert found[step] == pytest.approx(0.75 * found[step - 1] + 0.25 * weights[step], abs=1e-12)
    assert average_ours({"ema": {"decay": 1.0}}, weights) == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("first", [1, 2, 4])
def test_swa_is_torchs_of_the_epochs_ends_from_the_first_on(weights, first):
    found, ends = average_ours({"swa": {"first": first}}, weights), weights[2::3]
    assert found[:2] == [None, None]
    expected = ends[: first - 1] + average_torchs(ends[first - 1 :])
    assert found[2::3] == pytest.approx(expected, abs=1e-12)
    assert found[5] == found[6] == found[7] != found[8]
