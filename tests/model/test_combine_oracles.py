"""Gradient methods against TorchJD where it has them, else against what defines the paper's optimum."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, nnls
from torchjd.aggregation import (
    AlignedMTLWeighting,
    GradVacWeighting,
    IMTLGWeighting,
    MGDAWeighting,
    PCGradWeighting,
    RandomWeighting,
)

from model.combine import COMBINERS
from model.combine._quadratic import least_nonnegative
from tests.model.test_combine import conflicting_gradients, seeded

# Shape suffixes: K tasks, P parameters, S steps.

TASK_COUNTS = [2, 3, 4, 5]


def cases(num_tasks: int) -> list[torch.Tensor]:
    """Gradients that conflict, of very different lengths, and around a common direction, fp64."""
    conflicting = [conflicting_gradients(num_tasks, seed) for seed in range(8)]
    normal = [torch.randn(num_tasks, 6, generator=seeded(seed), dtype=torch.float64) for seed in range(8)]
    return [*conflicting, *normal, *(gradients_KP + 1.0 for gradients_KP in normal)]


def weigh(name: str, gradients_KP: torch.Tensor, **options: float) -> torch.Tensor:
    return COMBINERS[name](gradients_KP @ gradients_KP.T, seeded(), torch.ones(len(gradients_KP)), {}, **options)


def test_the_quadratic_programs_of_mgda_cagrad_and_upgrad_are_solved_as_scipy_does():
    generator = np.random.default_rng(0)
    for size in range(1, 12):
        for _ in range(30):
            matrix, goal = generator.normal(size=(size + 2, size)) + 0.5, generator.normal(size=size + 2) + 0.5
            matrix *= np.exp(generator.normal(size=size))
            found = least_nonnegative(matrix.T @ matrix, matrix.T @ goal)
            np.testing.assert_allclose(found, nnls(matrix, goal, maxiter=1000)[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_mgda_is_the_shortest_point(num_tasks):
    """d . g_k >= |d|^2 for every k says that no convex combination is shorter; TorchJD's iterations come near."""
    for gradients_KP in cases(num_tasks):
        weights_K = weigh("mgda", gradients_KP)
        combined_P = weights_K @ gradients_KP
        assert (weights_K >= 0).all() and weights_K.sum().item() == pytest.approx(1.0)
        assert (gradients_KP @ combined_P >= combined_P @ combined_P * (1 - 1e-9)).all()
    theirs_K = MGDAWeighting(epsilon=1e-6, max_iters=2000)(gradients_KP @ gradients_KP.T)
    torch.testing.assert_close(weights_K, theirs_K, rtol=0, atol=0.02)


@pytest.mark.parametrize("c", [0.1, 0.4, 0.9, 1.5])
@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_cagrad_is_the_best_for_the_worst_off(num_tasks, c):
    """Any h bounds min_k g_k . d from above by h . g + c |g| |h|; where d attains it, both are optimal."""
    for gradients_KP in cases(num_tasks):
        weights_K = weigh("cagrad", gradients_KP, c=c)
        mean_P, direction_P, shares_K = gradients_KP.mean(dim=0), weights_K @ gradients_KP, weights_K - 1 / num_tasks
        assert (shares_K >= -1e-9).all()
        shortest_P = shares_K @ gradients_KP / shares_K.sum()
        assert (direction_P - mean_P).norm().item() == pytest.approx(c * mean_P.norm().item(), rel=1e-6)
        bound = (shortest_P @ mean_P + c * mean_P.norm() * shortest_P.norm()).item()
        scale = (mean_P.norm() * gradients_KP.norm(dim=1).max()).item()
        assert (gradients_KP @ direction_P).min().item() == pytest.approx(bound, abs=1e-6 * scale)


def test_cagrad_without_a_ball_is_the_mean():
    for gradients_KP in cases(3):
        torch.testing.assert_close(weigh("cagrad", gradients_KP, c=0.0), torch.full([3], 1 / 3).double())


@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_imtl_g_equals_torchjd_and_the_papers_closed_form_up_to_scale(num_tasks):
    for gradients_KP in cases(num_tasks):
        weights_K = weigh("imtl_g", gradients_KP)
        units_KP = gradients_KP / gradients_KP.norm(dim=1, keepdim=True)
        apart_KP, units_apart_KP = gradients_KP[0] - gradients_KP[1:], units_KP[0] - units_KP[1:]
        rest_K = gradients_KP[0] @ units_apart_KP.T @ torch.linalg.inv(apart_KP @ units_apart_KP.T)
        paper_K = torch.cat([1 - rest_K.sum(dim=0, keepdim=True), rest_K])
        for expected_K in (paper_K, IMTLGWeighting()(gradients_KP @ gradients_KP.T)):
            sign = torch.sign(units_KP[0] @ (expected_K @ gradients_KP))  # the sum to 1 may turn the paper's upwards
            torch.testing.assert_close(weights_K, sign * expected_K / expected_K.abs().sum(), rtol=1e-5, atol=1e-7)
        projections_K = units_KP @ (weights_K @ gradients_KP)
        torch.testing.assert_close(projections_K, projections_K[:1].expand(num_tasks), rtol=1e-6, atol=1e-12)
        assert projections_K[0] > 0


@pytest.mark.parametrize("num_tasks", [*TASK_COUNTS, 20])
def test_nash_mtl_solves_the_papers_equation(num_tasks):
    """Also where 20 gradients are alike, and full steps of Newton's method would end at negative weights."""
    alike = [torch.rand(num_tasks, 6, generator=seeded(seed), dtype=torch.float64) for seed in range(10)]
    for gradients_KP in alike if num_tasks == 20 else [*cases(num_tasks), *alike]:
        weights_K = weigh("nash_mtl", gradients_KP)
        combined_P = weights_K @ gradients_KP
        assert (weights_K > 0).all()
        products_K = weights_K * (gradients_KP @ combined_P)
        torch.testing.assert_close(products_K, torch.ones(num_tasks).double(), rtol=1e-5, atol=0)
        assert combined_P.norm().item() == pytest.approx(num_tasks**0.5, rel=1e-5)


@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_aligned_mtl_equals_torchjd(num_tasks):
    for gradients_KP in [*cases(num_tasks), conflicting_gradients(num_tasks, 0)[:, :1] * torch.ones(1, 2).double()]:
        expected_K = AlignedMTLWeighting()(gradients_KP @ gradients_KP.T)
        torch.testing.assert_close(weigh("aligned_mtl", gradients_KP), expected_K, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_upgrad_is_the_mean_of_the_projections(num_tasks):
    """Each gradient is projected, among its P numbers, onto the cone by scipy; TorchJD's solver is not installed."""
    for gradients_KP in cases(num_tasks)[::3]:
        units_KP = (gradients_KP / gradients_KP.norm(dim=1, keepdim=True)).numpy()
        within = {"type": "ineq", "fun": lambda x_P, u_KP=units_KP: u_KP @ x_P, "jac": lambda x_P, u_KP=units_KP: u_KP}
        expected_P = np.zeros(6)
        for i, unit_P in enumerate(units_KP):
            found = minimize(
                lambda x_P, u_P=unit_P: ((x_P - u_P) ** 2).sum() / 2,
                unit_P,
                jac=lambda x_P, u_P=unit_P: x_P - u_P,
                constraints=within,
                method="SLSQP",
                options={"ftol": 1e-14, "maxiter": 1000},
            )
            assert found.success
            expected_P += found.x * gradients_KP[i].norm().item() / num_tasks
        combined_P = (weigh("upgrad", gradients_KP) @ gradients_KP).numpy()
        np.testing.assert_allclose(combined_P, expected_P, rtol=1e-5, atol=1e-6 * np.abs(expected_P).max())


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_gradvac_equals_torchjd_over_several_steps(num_tasks, rate):
    theirs, state = GradVacWeighting(beta=rate, eps=0.0), {}
    for seed, gradients_KP in enumerate(cases(num_tasks)):
        gramian_KK = gradients_KP @ gradients_KP.T
        torch.manual_seed(seed)  # TorchJD draws its orders from the global generator
        expected_K = theirs(gramian_KK)
        weights_K = COMBINERS["gradvac"](gramian_KK, seeded(seed), None, state, rate=rate)
        torch.testing.assert_close(weights_K, expected_K, rtol=1e-6, atol=1e-9)


def test_random_weights_equal_torchjd():
    for seed in range(5):
        torch.manual_seed(seed)
        expected_K = RandomWeighting()(torch.ones(4, 6, dtype=torch.float64))
        assert torch.equal(COMBINERS["random_weights"](torch.eye(4).double(), seeded(seed)), expected_K)


def test_famo_descends_the_papers_objective():
    """Autograd's gradient of z . (fall of log L), as the paper has it, and z_k / L_k over its sum."""
    losses_SK = torch.rand(30, 3, generator=seeded(), dtype=torch.float64) + 0.05
    options, state = {"learning_rate": 0.5, "decay": 0.1}, {}
    logits_K = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for step, losses_K in enumerate(losses_SK):
        if step > 0:
            fall_K = losses_SK[step - 1].log() - losses_K.log()
            (slope_K,) = torch.autograd.grad(torch.softmax(logits_K, dim=0) @ fall_K, logits_K)
            with torch.no_grad():
                logits_K -= options["learning_rate"] * (slope_K + options["decay"] * logits_K)
        expected_K = torch.softmax(logits_K.detach(), dim=0) / losses_K
        weights_K = COMBINERS["famo"](torch.eye(3).double(), seeded(), losses_K, state, **options)
        torch.testing.assert_close(weights_K, expected_K / expected_K.sum())


def test_famo_gives_more_to_the_loss_that_falls_less():
    state = {}
    for step in range(50):
        weights_K = COMBINERS["famo"](torch.eye(2), seeded(), torch.tensor([1.0, 0.9**step]), state)
    shares_K = weights_K * torch.tensor([1.0, 0.9**49])
    assert shares_K[0] > shares_K[1]


def test_gradnorm_descends_the_papers_objective():
    """Autograd's gradient of sum |w n - mean(w n) r^alpha|, the second terms held fixed, norms n over their mean."""
    losses_SK = torch.rand(30, 3, generator=seeded(), dtype=torch.float64) + 0.05
    options, state, expected_K = {"learning_rate": 0.1, "alpha": 0.7}, {}, torch.ones(3, dtype=torch.float64)
    for step, losses_K in enumerate(losses_SK):
        gradients_KP = torch.randn(3, 6, generator=seeded(step), dtype=torch.float64)
        norms_K = gradients_KP.norm(dim=1) / gradients_KP.norm(dim=1).mean()
        rates_K = losses_K / losses_SK[0] / (losses_K / losses_SK[0]).mean()
        expected_K.requires_grad_()
        targets_K = ((expected_K * norms_K).mean() * rates_K**0.7).detach()
        (slope_K,) = torch.autograd.grad((expected_K * norms_K - targets_K).abs().sum(), expected_K)
        expected_K = (expected_K - 0.1 * slope_K).detach().clamp(min=0.01)
        expected_K *= 3 / expected_K.sum()
        weights_K = COMBINERS["gradnorm"](gradients_KP @ gradients_KP.T, seeded(), losses_K, state, **options)
        torch.testing.assert_close(weights_K, expected_K)


def test_gradnorm_makes_the_norms_alike_and_with_alpha_gives_slow_losses_more():
    gradients_KP, shares = torch.eye(2) * torch.tensor([[0.1], [3.0]]), {}
    for alpha in (0.0, 1.5):
        state = {}
        for step in range(400):
            losses_K = torch.tensor([1.0, 0.5 if step else 1.0])
            weights_K = COMBINERS["gradnorm"](gradients_KP @ gradients_KP.T, seeded(), losses_K, state, alpha=alpha)
        norms_K = weights_K * gradients_KP.norm(dim=1)
        shares[alpha] = (norms_K[0] / norms_K.sum()).item()
    assert shares[0.0] == pytest.approx(0.5, abs=0.2) and shares[1.5] > shares[0.0]


def test_dwa_is_the_papers_with_windows_for_epochs():
    losses_SK = np.random.default_rng(0).uniform(0.1, 2.0, (20, 3))
    epochs, state = losses_SK.reshape(5, 4, 3).mean(axis=1), {}
    for step, losses_K in enumerate(losses_SK):
        epoch = step // 4
        ratios_K = epochs[epoch - 1] / epochs[epoch - 2] if epoch >= 2 else np.ones(3)
        expected_K = 3 * np.exp(ratios_K / 0.5) / np.exp(ratios_K / 0.5).sum()
        options = {"window": 4, "temperature": 0.5}
        weights_K = COMBINERS["dwa"](torch.eye(3).double(), seeded(), torch.tensor(losses_K), state, **options)
        np.testing.assert_allclose(weights_K.numpy(), expected_K)


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


@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_pcgrad_equals_torchjd(num_tasks):
    for seed in range(20):
        gradients_KP = conflicting_gradients(num_tasks, seed)
        gramian_KK = gradients_KP @ gradients_KP.T
        torch.manual_seed(seed)  # TorchJD draws its orders from the global generator
        expected_K = PCGradWeighting()(gramian_KK)
        torch.testing.assert_close(COMBINERS["pcgrad"](gramian_KK, seeded(seed)), expected_K, rtol=1e-9, atol=1e-9)


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


@pytest.mark.parametrize("num_tasks", TASK_COUNTS)
def test_pcgrad_equals_the_vector_form(num_tasks):
    for seed in range(20):
        gradients_KP = conflicting_gradients(num_tasks, seed)
        weights_K = COMBINERS["pcgrad"](gradients_KP @ gradients_KP.T, seeded(seed))
        expected_P = pcgrad_of_vectors(gradients_KP, seeded(seed))
        torch.testing.assert_close(weights_K @ gradients_KP, expected_P, rtol=1e-9, atol=1e-9)
