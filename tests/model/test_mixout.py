"""Mixout: the mixture's values and mean, and gradients against autograd through the paper's formula."""

import pytest
import torch
from torch import nn

from model.mixout import Mixout


def make_mixout(probability):
    torch.manual_seed(0)
    weight, published = nn.Parameter(torch.randn(40, 50)), torch.randn(40, 50)
    return weight, published, Mixout({weight: published}, probability)


@pytest.mark.parametrize("probability", [0.2, 0.75])
def test_a_weight_is_the_published_one_or_moved_so_that_the_mean_stays(probability):
    weight, published, mixout = make_mixout(probability)
    own, total = weight.detach().clone(), torch.zeros(40, 50)
    moved = (own - probability * published) / (1 - probability)
    for _ in range(400):
        mixout.mix_()
        replaced = weight == published
        torch.testing.assert_close(weight.data[~replaced], moved[~replaced], rtol=0, atol=1e-5)
        assert replaced.float().mean().item() == pytest.approx(probability, abs=0.06)
        total += weight.data
        mixout.restore_([])
        assert torch.equal(weight, own)
    deviation = (probability / (1 - probability) / 400) ** 0.5 * (own - published).abs()  # of the mean of 400
    assert ((total / 400 - own).abs() < 6 * deviation + 1e-4).all()


def test_a_gradient_is_that_of_the_formula():
    weight, published, mixout = make_mixout(0.4)
    own = weight.detach().clone().requires_grad_()
    mixout.mix_()
    (weight**3).sum().backward()
    kept = (weight != published).float()
    mixed = (kept * own + (1 - kept) * published - 0.4 * published) / 0.6
    (mixed**3).sum().backward()
    mixout.restore_([{weight: weight.grad}])
    torch.testing.assert_close(weight.grad, own.grad, rtol=1e-4, atol=1e-4)


def test_weights_that_have_not_moved_stay_what_they_are():
    weight, published, mixout = make_mixout(0.9)
    weight.data.copy_(published)
    mixout.mix_()
    assert torch.equal(weight, published)
