"""AdamW: the torch form against torch.optim.AdamW, the course's form against its formula worked out in decimals."""

import copy
import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch

from model.adamw import FORMS, AdamW
from tests.tiny import REPOSITORY

NUM_STEPS = 1000
STARTS = ["1", "-0.5", "0.02"]
# Gradients around 1, 1e-3 and 1e-6: for the last one eps (1e-6) decides.
SCALES = ["1", "1e-3", "1e-6"]
# What `course_in_decimals` gives, to 14 decimals; kept here so that a changed formula there does not go unseen.
GOLDEN = {
    "0": ["0.69561123028406", "-0.80232688651503", "-0.02812466287070"],
    "0.1": ["0.61530764592214", "-0.74001125912073", "-0.02803190813252"],
}


def gradients(step: int) -> list[Decimal]:
    """An uneven sequence of period 11 with mean 0.1, times each scale."""
    return [(Decimal(7 * step % 11) - 4) / 10 * Decimal(scale) for scale in SCALES]


def course_in_decimals(lr: Decimal, eps: Decimal, weight_decay: Decimal) -> list[Decimal]:
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps);
    then p -= lr weight_decay p."""
    beta1, beta2 = Decimal("0.9"), Decimal("0.999")
    values, m, v = [Decimal(start) for start in STARTS], [Decimal(0)] * 3, [Decimal(0)] * 3
    with localcontext() as context:
        context.prec = 40
        for step in range(1, NUM_STEPS + 1):
            step_size = lr * (1 - beta2**step).sqrt() / (1 - beta1**step)
            for i, gradient in enumerate(gradients(step)):
                m[i] = beta1 * m[i] + (1 - beta1) * gradient
                v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient
                values[i] -= step_size * m[i] / (v[i].sqrt() + eps)
                values[i] -= lr * weight_decay * values[i]
    return values


def ours(form: str, weight_decay: float, fused: bool = True) -> torch.Tensor:
    parameter = torch.nn.Parameter(torch.tensor([float(start) for start in STARTS], dtype=torch.float64))
    optimizer = AdamW([parameter], lr=1e-3, weight_decay=weight_decay, form=form, fused=fused)
    for step in range(1, NUM_STEPS + 1):
        parameter.grad = torch.tensor([float(gradient) for gradient in gradients(step)], dtype=torch.float64)
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(("weight_decay", "golden"), GOLDEN.items())
def test_course_form_equals_its_formula_after_1000_steps(weight_decay, golden, fused):
    worked_out = course_in_decimals(Decimal("1e-3"), Decimal("1e-6"), Decimal(weight_decay))
    assert [f"{value:.14f}" for value in worked_out] == golden
    expected = torch.tensor([float(value) for value in worked_out], dtype=torch.float64)
    torch.testing.assert_close(ours("course", float(weight_decay), fused), expected, rtol=0, atol=1e-12)
    # The tolerance tells the forms apart, for each gradient scale.
    assert ((ours("torch", float(weight_decay), fused) - expected).abs() > 1e-9).all()


@pytest.mark.parametrize("fused", [False, True])
def test_the_courses_own_check_in_fp32(fused):
    """CS 224N's default final project checks its optimizer so; to 1e-6, which a decay by `1 - lr * wd` misses."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2, bias=False)
    optimizer = AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4, fused=fused)
    for _ in range(NUM_STEPS):
        optimizer.zero_grad()
        x = torch.FloatTensor(rng.uniform(size=[3]))
        target = torch.stack([x[0] + x[1], -x[2]])
        ((target - model(x)) ** 2).sum().backward()
        optimizer.step()
    expected = [
        [0.554827868938446, 0.8666566610336304, 0.0729198157787323],
        [-0.4472450613975525, -0.29512280225753784, -0.27172720432281494],
    ]
    torch.testing.assert_close(model.weight.detach(), torch.tensor(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_torch_form_equals_torch(weight_decay, fused):
    torch.manual_seed(0)
    mine = [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in ((4, 3), (5,), ())]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in mine]
    settings = {"lr": 3e-3, "betas": (0.8, 0.99), "eps": 1e-4, "weight_decay": weight_decay}
    optimizers = [AdamW(mine, form="torch", fused=fused, **settings), torch.optim.AdamW(theirs, **settings)]
    for step in range(150):
        for group in (*optimizers[0].param_groups, *optimizers[1].param_groups):
            group["lr"] = 3e-3 / (1 + step % 7)
        for my, their in zip(mine, theirs, strict=True):
            my.grad = torch.randn_like(my) * 10.0 ** torch.randint(-5, 2, ()).item()
            their.grad = my.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for my, their in zip(mine, theirs, strict=True):
        torch.testing.assert_close(my, their, rtol=0, atol=1e-13)


@pytest.mark.parametrize("form", FORMS)
def test_the_fused_step_equals_the_one_written_out(form):
    """In fp32, as in training, on parameters of different ages."""
    torch.manual_seed(0)
    first = [torch.nn.Parameter(torch.randn(shape)) for shape in ((40, 30), (50,), ())]
    second = [torch.nn.Parameter(parameter.detach().clone()) for parameter in first]
    settings = {"lr": 1e-2, "weight_decay": 0.1, "form": form}
    optimizers = [AdamW(first, fused=True, **settings), AdamW(second, fused=False, **settings)]
    for step in range(100):
        for one, other in zip(first, second, strict=True):
            one.grad = torch.randn_like(one) * 10.0 ** (-step % 7) if one.dim() != 1 or step % 3 else None
            other.grad = None if one.grad is None else one.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_a_parameter_without_gradient_is_left_alone_and_counts_its_own_steps():
    torch.manual_seed(0)
    always, sometimes, alone = (torch.nn.Parameter(torch.ones(3, dtype=torch.float64)) for _ in range(3))
    both, single = AdamW([always, sometimes], weight_decay=0.1), AdamW([alone], weight_decay=0.1)
    for step in range(6):
        always.grad = torch.randn(3, dtype=torch.float64)
        sometimes.grad = alone.grad = torch.randn(3, dtype=torch.float64) if step % 2 else None
        before = sometimes.detach().clone()
        both.step()
        single.step()
        assert torch.equal(sometimes, before) == (step % 2 == 0)
    assert torch.equal(sometimes, alone)
    assert (both.state[always]["step"], both.state[sometimes]["step"]) == (6, 3)


def test_state_dict_resumes_exactly():
    def run(optimizer, parameter, steps):
        for step in steps:
            parameter.grad = torch.full((2,), float(step) - 3)
            optimizer.step()

    whole = torch.nn.Parameter(torch.ones(2))
    optimizer = AdamW([whole])
    run(optimizer, whole, range(4))
    state = copy.deepcopy(optimizer.state_dict())  # as it goes through a file; torch would share the tensors
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["state"][0]["step"] == 4
    resumed = torch.nn.Parameter(whole.detach().clone())
    other = AdamW([resumed])
    other.load_state_dict(state)
    run(optimizer, whole, range(4, 9))
    run(other, resumed, range(4, 9))
    assert torch.equal(whole, resumed)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"lr": -1.0}, "lr -1.0"),
        ({"eps": -1.0}, "eps -1.0"),
        ({"weight_decay": -1.0}, "weight_decay -1.0"),
        ({"betas": (0.9, 1.0)}, r"betas \(0.9, 1.0\)"),
        ({"form": "fast"}, "form 'fast' is not one of course, torch"),
    ],
)
def test_an_unfit_setting_is_an_error_that_names_it(setting, message):
    with pytest.raises(ValueError, match=message):
        AdamW([torch.nn.Parameter(torch.zeros(1))], **setting)


def test_the_forms_differ_by_where_eps_is_added():
    difference = (ours("torch", 0.0) - ours("course", 0.0)).abs()
    assert difference[1] > 1e-6
    assert difference[2] > 1e-3


@pytest.mark.parametrize("fused", [False, True])
def test_decay_is_times_the_learning_rate_and_comes_last(fused):
    parameter = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    parameter.grad = torch.tensor([3.0], dtype=torch.float64)
    AdamW([parameter], lr=0.1, eps=0.0, weight_decay=0.5, fused=fused).step()
    assert parameter.item() == pytest.approx((2.0 - 0.1) * (1 - 0.1 * 0.5), abs=1e-14)


def test_a_step_does_not_import_torchs_compiler():
    """It takes longer than a short run trains. A process of its own: here another test may have imported it."""
    program = """
import sys, torch
from model.adamw import AdamW
parameter = torch.nn.Parameter(torch.ones(2))
parameter.grad = torch.ones(2)
optimizer = AdamW([parameter])
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
assert parameter[0] < 1
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == 0


@pytest.mark.parametrize("fused", [False, True])
def test_groups_equal_torchs_and_what_requires_no_gradient_stays(fused):
    """Groups of other rates and decays, one of which is frozen now and then; torch's then has no gradient."""
    torch.manual_seed(0)
    mine = [torch.nn.Parameter(torch.randn(4, 3, dtype=torch.float64)) for _ in range(4)]
    theirs = [torch.nn.Parameter(parameter.detach().clone()) for parameter in mine]
    optimizers = [
        kind([{"params": parameters[i : i + 1], "weight_decay": 0.1 * (i % 2)} for i in range(4)], eps=1e-6, **form)
        for kind, parameters, form in (
            (AdamW, mine, {"form": "torch", "fused": fused}),
            (torch.optim.AdamW, theirs, {}),
        )
    ]
    for step in range(20):
        for optimizer in optimizers:
            for i, group in enumerate(optimizer.param_groups):
                group["lr"] = 3e-3 * (1, 2, 2, 5)[i]
        for my, their in zip(mine, theirs, strict=True):
            my.grad = torch.randn_like(my)
            their.grad = my.grad.clone()
        mine[1].requires_grad_(step % 3 == 2)
        theirs[1].grad = theirs[1].grad if step % 3 == 2 else None
        before = mine[1].detach().clone()
        for optimizer in optimizers:
            optimizer.step()
        assert torch.equal(mine[1], before) == (step % 3 != 2)
    for my, their in zip(mine, theirs, strict=True):
        torch.testing.assert_close(my.detach(), their.detach(), rtol=0, atol=1e-13)
    assert [optimizers[0].state[parameter]["step"] for parameter in mine] == [20, 6, 20, 20]
