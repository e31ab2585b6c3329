"""Every method of the registry has the properties that all need, and each those that it promises.

Their oracles are in test_combine_oracles.py.
"""

import pytest
import torch
from safetensors.torch import load, save

from model.combine import COMBINERS, find_head_weights
from model.registry import find_option_faults

TASK_COUNTS = [1, 2, 3, 4, 5]
OF_GRADIENTS = "aligned_mtl cagrad gradvac imtl_g mgda nash_mtl pcgrad pcgrad_port upgrad".split()
GOLDEN_KK = [[18.0, -22.0], [-22.0, 38.0]]
SQUARES = 18**0.5, 38**0.5


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def combine(name: str, gramian_KK: torch.Tensor, seed: int = 0, **options) -> torch.Tensor:
    losses_K = torch.linspace(0.5, 2.0, len(gramian_KK))
    return COMBINERS[name](gramian_KK, seeded(seed), losses_K=losses_K, state={}, **options)


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
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-21, 1e-8, 1.0, 1e4, 1e15])
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


@pytest.mark.parametrize("name", COMBINERS)
def test_what_is_kept_is_tensors_from_which_a_checkpoint_goes_on(name):
    results = []
    for interrupted in (False, True):
        state = {}
        for step in range(7):
            gradients_KP = torch.randn(3, 6, generator=seeded(step))
            losses_K = torch.rand(3, generator=seeded(step)) + 0.1
            options = {"window": 2} if name == "dwa" else {}
            weights_K = COMBINERS[name](gradients_KP @ gradients_KP.T, seeded(step), losses_K, state, **options)
            if interrupted:
                state = load(save(state))
        results.append(weights_K)
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("name", "options"), [("famo", {}), ("dwa", {"window": 1}), ("gradnorm", {}), ("gradvac", {"rate": 1.0})]
)
def test_a_memory_of_extremes_gives_no_nan(name, options):
    """Losses of 0 and of 1e30; gradients that were equal, whose target is a cosine of 1, turn opposite."""
    state = {}
    for losses, cosine in (([0, 1, 0], 1.0), ([1e30, 0, 0], 1.0), ([0, 0, 0], 1.0), ([1, 1e-30, 2], -0.5)):
        gramian_KK = torch.eye(3) * (1 - cosine) + cosine
        weights_K = COMBINERS[name](gramian_KK, seeded(), torch.tensor(losses) * 1.0, state, **options)
        assert weights_K.isfinite().all()
        assert all(tensor.isfinite().all() for tensor in state.values())


def draws(name: str, gramian_KK: torch.Tensor) -> bool:
    return any(not torch.equal(combine(name, gramian_KK), combine(name, gramian_KK, seed)) for seed in range(1, 6))


@pytest.mark.parametrize("name", COMBINERS)
def test_the_order_of_the_tasks_does_not_matter(name):
    """Methods that draw by the tasks' places are left out."""
    order_K = torch.tensor([2, 0, 3, 1])
    for seed in range(5):
        gradients_KP = conflicting_gradients(4, seed)
        gramian_KK, losses_K = gradients_KP @ gradients_KP.T, torch.linspace(0.5, 2.0, 4)
        if not draws(name, gramian_KK):
            weights_K = COMBINERS[name](gramian_KK, seeded(), losses_K, {})
            again_K = COMBINERS[name](gramian_KK[order_K][:, order_K], seeded(), losses_K[order_K], {})
            torch.testing.assert_close(again_K, weights_K[order_K], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", COMBINERS)
@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_orthogonal_gradients_of_one_length_and_one_loss_are_summed_up_to_scale(name, num_tasks):
    gramian_KK = torch.eye(num_tasks) * 9.0
    if not draws(name, gramian_KK):
        weights_K = COMBINERS[name](gramian_KK, seeded(), torch.full([num_tasks], 0.7), {})
        assert weights_K[0] > 0
        torch.testing.assert_close(weights_K, weights_K[:1].expand(num_tasks))


@pytest.mark.parametrize("scale", [1e-8, 1e4])
@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_the_unit_of_the_gradients_does_not_matter(name, scale):
    """Nash-MTL's combined gradient keeps its length; that of all others scales with the gradients."""
    gradients_KP = conflicting_gradients(4, seed=5).float()
    weights_K = combine(name, gradients_KP @ gradients_KP.T)
    scaled_K = combine(name, (scale * gradients_KP) @ (scale * gradients_KP).T)
    torch.testing.assert_close(scaled_K * (scale if name == "nash_mtl" else 1.0), weights_K, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["imtl_g", "nash_mtl"])
def test_the_length_of_a_gradient_does_not_matter(name):
    lengths_K = torch.tensor([1e-4, 30.0, 1.0, 1e3], dtype=torch.float64)
    for seed in range(5):
        gradients_KP = conflicting_gradients(4, seed)
        other_KP = lengths_K[:, None] * gradients_KP
        directions = [combine(name, g @ g.T) @ g for g in (gradients_KP, other_KP)]
        torch.testing.assert_close(*(d / d.norm() for d in directions), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["gradvac", "pcgrad", "upgrad"])
def test_what_a_gradient_adds_is_in_proportion_to_it(name):
    """Linear under scaling: Quinton and Rey 2024, definition 3."""
    gradients_KP, combined = conflicting_gradients(4, seed=2), []
    first_K, second_K = torch.rand(2, 4, generator=seeded(), dtype=torch.float64)
    for scale_K in (first_K, second_K, first_K + second_K):
        scaled_KP = scale_K[:, None] * gradients_KP
        combined.append(combine(name, scaled_KP @ scaled_KP.T) @ scaled_KP)
    torch.testing.assert_close(combined[0] + combined[1], combined[2])


@pytest.mark.parametrize(
    ("name", "options"), [("mgda", {}), ("upgrad", {}), ("imtl_g", {}), ("nash_mtl", {}), ("cagrad", {"c": 1.0})]
)
@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_no_loss_rises(name, options, num_tasks):
    """Also where the fp32 Gramian is singular: in fewer dimensions than tasks, with opposite and equal gradients."""
    for seed in range(24):
        num_parameters = [2, 3, 6, 40][seed % 4]
        gradients_KP = torch.randn(num_tasks, num_parameters, generator=seeded(seed))
        gradients_KP[-1] = [-2.0, 1.0, 0.0][seed % 3] * gradients_KP[0] + (seed % 2) * gradients_KP[-1]
        weights_K = combine(name, gradients_KP @ gradients_KP.T, **options).double()
        gradients_KP = gradients_KP.double()
        terms_KP = weights_K[:, None] * gradients_KP
        inner_K = gradients_KP @ terms_KP.sum(dim=0)
        scale_K = gradients_KP.norm(dim=1) * terms_KP.norm(dim=1).max()
        assert (inner_K >= -1e-5 * scale_K).all(), seed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sum", [1, 1]),
        ("mgda", [0.6, 0.4]),  # (38 + 22) / (18 + 38 + 44)
        ("upgrad", [(1 + 22 / 18) / 2, (1 + 22 / 38) / 2]),  # of two tasks the mean of PCGrad's projections
        ("gradvac", [1 + 22 / 18, 1 + 22 / 38]),  # the first targets are 0, so its first step is PCGrad's
        ("imtl_g", [SQUARES[1] / sum(SQUARES), SQUARES[0] / sum(SQUARES)]),
        ("nash_mtl", [(1 - 22 / 684**0.5) ** -0.5 / SQUARES[0], (1 - 22 / 684**0.5) ** -0.5 / SQUARES[1]]),
        ("aligned_mtl", [0.559072, 0.408261]),  # sqrt(28 - sqrt(584)) M^-1/2 (1/2, 1/2)
        ("cagrad", [0.5 + 0.4 * (3 / 18) ** 0.5, 0.5]),  # |mean|^2 = 3; the first task is the worst off
        ("famo", [0.8, 0.2]),  # 1 / 0.5 and 1 / 2 over their sum
        ("dwa", [1, 1]),
        ("gradnorm", [1.025116, 0.974884]),  # 1 + .025 n and 1 - .025 n, n each norm over the mean, scaled to sum 2
        ("random_weights", [0.862288, 0.137712]),
    ],
)
def test_golden(name, expected):
    assert combine(name, torch.tensor(GOLDEN_KK)).tolist() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", ["famo", "dwa", "gradnorm", "gradvac"])
def test_a_method_with_a_memory_says_what_it_cannot_do(name):
    state = {}
    COMBINERS[name](torch.eye(3), seeded(), torch.ones(3), state)
    with pytest.raises(ValueError, match="2 tasks in this step, 3 before"):
        COMBINERS[name](torch.eye(2), seeded(), torch.ones(2), state)
    with pytest.raises(ValueError, match="needs a state"):
        COMBINERS[name](torch.eye(2), seeded(), torch.ones(2))
    if name != "gradvac":
        with pytest.raises(ValueError, match="needs the losses"):
            COMBINERS[name](torch.eye(2), seeded(), None, {})


@pytest.mark.parametrize("name", ["aligned_mtl", "cagrad", "imtl_g", "mgda", "nash_mtl", "upgrad"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_an_error_and_no_weight(name, value):
    gramian_KK = torch.eye(3)
    gramian_KK[1, 1] = value
    with pytest.raises(FloatingPointError, match="gradient is not finite"):
        combine(name, gramian_KK)


@pytest.mark.parametrize("name", ["famo", "dwa", "gradnorm", "random_weights", "uncertainty"])
def test_a_weight_of_a_loss_is_its_heads_too(name):
    assert find_head_weights(name)(torch.tensor([0.2, 3.0])).tolist() == pytest.approx([0.2, 3.0])


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


def test_uncertainty_says_what_it_cannot_do():
    state = {}
    COMBINERS["uncertainty"](torch.eye(3), seeded(), torch.ones(3), state)
    with pytest.raises(ValueError, match="2 tasks in this step, 3 before"):
        COMBINERS["uncertainty"](torch.eye(2), seeded(), torch.ones(2), state)
    with pytest.raises(ValueError, match="needs the losses and a state"):
        COMBINERS["uncertainty"](torch.eye(2), seeded())
