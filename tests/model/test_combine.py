"""Every method of the registry has the properties all need; PCGrad equals its vector form and TorchJD."""

import pytest
import torch
from torchjd.aggregation import PCGradWeighting

from model.combine import COMBINERS, find_head_weights
from model.registry import find_option_faults

TASK_COUNTS = [1, 2, 3, 4, 5]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def combine(name: str, gramian_KK: torch.Tensor, seed: int = 0) -> torch.Tensor:
    losses_K = torch.linspace(0.5, 2.0, len(gramian_KK))
    return COMBINERS[name](gramian_KK, seeded(seed), losses_K=losses_K, state={})


def conflicting_gradients(num_tasks: int, seed: int) -> torch.Tensor:
    """K x 6 gradients around 0, of different lengths; every one conflicts with another."""
    generator = seeded(seed)
    gradients_KP = torch.randn(num_tasks, 6, generator=generator, dtype=torch.float64)
    gradients_KP -= gradients_KP.mean(dim=0) * 1.3
    gradients_KP *= torch.logspace(-1, 1, num_tasks, dtype=torch.float64)[:, None]
    assert ((gradients_KP @ gradients_KP.T).min(dim=1).values < 0).all()
    return gradients_KP


@pytest.mark.parametrize("name", COMBINERS)
@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_one_finite_weight_per_task(name, num_tasks):
    gradients_KP = torch.randn(num_tasks, 6, generator=seeded())
    weights_K = combine(name, gradients_KP @ gradients_KP.T)
    assert weights_K.shape == (num_tasks,)
    assert weights_K.dtype == torch.float32
    assert weights_K.isfinite().all()


@pytest.mark.parametrize("name", COMBINERS)
def test_the_defaults_of_its_options_are_allowed(name):
    function = COMBINERS[name]
    assert find_option_faults(function, function.__kwdefaults__ or {}) == []


@pytest.mark.parametrize("name", COMBINERS)
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e15])
def test_no_scale_gives_nan(name, scale):
    """1e-30 squared is 0 in fp32 while its product with 1 is not; 0 is a task whose gradient has vanished."""
    gradients_KP = torch.randn(3, 6, generator=seeded())
    gradients_KP[1] = -scale * gradients_KP[0]
    gramian_KK = gradients_KP @ gradients_KP.T
    assert combine(name, gramian_KK).isfinite().all()
    assert combine(name, torch.zeros(3, 3)).isfinite().all()


@pytest.mark.parametrize("name", COMBINERS)
def test_deterministic_given_the_generator_and_nothing_else(name):
    gradients_KP = conflicting_gradients(5, seed=3)
    gramian_KK = gradients_KP @ gradients_KP.T
    before = gramian_KK.clone()
    torch.manual_seed(0)
    first = combine(name, gramian_KK, seed=1)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert torch.equal(combine(name, gramian_KK, seed=1), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(gramian_KK, before)


@pytest.mark.parametrize("name", ["sum", "pcgrad"])
@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_without_conflict_the_weights_are_one(name, num_tasks):
    gradients_KP = torch.rand(num_tasks, 6, generator=seeded())  # no negative number, so no negative product
    assert torch.equal(combine(name, gradients_KP @ gradients_KP.T), torch.ones(num_tasks))


@pytest.mark.parametrize("num_tasks", TASK_COUNTS[1:])
def test_sum_is_one_for_each_task_whatever_the_conflict(num_tasks):
    gradients_KP = conflicting_gradients(num_tasks, seed=0)
    assert combine("sum", gradients_KP @ gradients_KP.T).tolist() == [1.0] * num_tasks


def test_pcgrad_golden():
    weights_K = combine("pcgrad", torch.tensor([[18.0, -22.0], [-22.0, 38.0]]))
    assert weights_K.tolist() == pytest.approx([1 + 22 / 18, 1 + 22 / 38])
    assert [round(weight, 4) for weight in weights_K.tolist()] == [2.2222, 1.5789]


@pytest.mark.parametrize("num_tasks", TASK_COUNTS[1:])
def test_pcgrad_equals_torchjd(num_tasks):
    for seed in range(20):
        gradients_KP = conflicting_gradients(num_tasks, seed)
        gramian_KK = gradients_KP @ gradients_KP.T
        torch.manual_seed(seed)  # TorchJD draws its orders from the global generator
        expected_K = PCGradWeighting()(gramian_KK)
        torch.testing.assert_close(COMBINERS["pcgrad"](gramian_KK, seeded(seed)), expected_K, rtol=1e-9, atol=1e-9)


def test_pcgrad_visits_tasks_in_an_order_from_the_generator():
    gradients_KP = conflicting_gradients(5, seed=3)
    gramian_KK = gradients_KP @ gradients_KP.T
    assert len({tuple(combine("pcgrad", gramian_KK, seed).tolist()) for seed in range(10)}) > 5


def test_pcgrad_projects_nothing_off_a_zero_gradient():
    gradients_KP = torch.tensor([[1.0, 0.0], [0.0, 0.0], [-1.0, 1.0]])
    # 1 + 1/2 for the first (off the third), 1 for the zero one, 1 + 1 for the third (off the first).
    expected = pytest.approx([2.0, 1.0, 1.5])
    assert combine("pcgrad", gradients_KP @ gradients_KP.T).tolist() == expected


@pytest.mark.parametrize("num_tasks", TASK_COUNTS[1:])
def test_the_port_averages_what_pcgrad_sums_and_leaves_its_heads_the_sum(num_tasks):
    gradients_KP = conflicting_gradients(num_tasks, seed=1)
    gramian_KK = gradients_KP @ gradients_KP.T
    weights_K = COMBINERS["pcgrad_port"](gramian_KK, seeded(4))
    expected_K = COMBINERS["pcgrad"](gramian_KK, seeded(4))
    torch.testing.assert_close(weights_K * num_tasks, expected_K)
    torch.testing.assert_close(find_head_weights("pcgrad_port")(weights_K), expected_K)
    assert find_head_weights("pcgrad") is find_head_weights("sum") is None


def test_uncertainty_descends_the_papers_objective():
    """Autograd's gradient of sum exp(-s) L + s / 2 at every step; with constant losses it settles at weights 1 / 2L."""
    losses_K, state, rate = torch.tensor([0.4, 0.9, 0.2]), {}, 0.1
    log_variances_K = torch.zeros(3, requires_grad=True)
    for _ in range(400):
        objective = (torch.exp(-log_variances_K) * losses_K + log_variances_K / 2).sum()
        (slope_K,) = torch.autograd.grad(objective, log_variances_K)
        with torch.no_grad():
            log_variances_K -= rate * slope_K
        weights_K = COMBINERS["uncertainty"](torch.eye(3), seeded(), losses_K, state, learning_rate=rate)
        torch.testing.assert_close(weights_K, torch.exp(-log_variances_K.detach()))
    torch.testing.assert_close(weights_K, 1 / (2 * losses_K), rtol=1e-3, atol=0)


def test_uncertainty_says_what_it_cannot_do():
    state = {}
    COMBINERS["uncertainty"](torch.eye(3), seeded(), torch.ones(3), state)
    with pytest.raises(ValueError, match="2 tasks in this step, 3 before"):
        COMBINERS["uncertainty"](torch.eye(2), seeded(), torch.ones(2), state)
    with pytest.raises(ValueError, match="needs the losses and a state"):
        COMBINERS["uncertainty"](torch.eye(2), seeded())


def pcgrad_of_vectors(gradients_KP: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Yu et al. 2020, algorithm 1, on the gradients themselves."""
    projected = []
    for i, gradient_P in enumerate(gradients_KP):
        gradient_P = gradient_P.clone()
        for j in torch.randperm(len(gradients_KP), generator=generator):
            other_P = gradients_KP[j]
            if i != j and gradient_P @ other_P < 0:
                gradient_P -= (gradient_P @ other_P) / other_P.norm() ** 2 * other_P
        projected.append(gradient_P)
    return torch.stack(projected).sum(dim=0)


@pytest.mark.parametrize("num_tasks", TASK_COUNTS[1:])
def test_pcgrad_equals_the_vector_form(num_tasks):
    for seed in range(20):
        gradients_KP = conflicting_gradients(num_tasks, seed)
        weights_K = COMBINERS["pcgrad"](gradients_KP @ gradients_KP.T, seeded(seed))
        expected_P = pcgrad_of_vectors(gradients_KP, seeded(seed))
        torch.testing.assert_close(weights_K @ gradients_KP, expected_P, rtol=1e-9, atol=1e-9)
