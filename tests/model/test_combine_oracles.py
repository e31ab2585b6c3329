"""Gradient methods against TorchJD where it has them, else against what defines the paper's optimum."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, nnls
from torchjd.aggregation import MGDAWeighting

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
