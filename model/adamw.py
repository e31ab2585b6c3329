"""AdamW: Loshchilov and Hutter 2019; by default in the course's "efficient" form, Kingma and Ba 2015, section 2."""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

FORMS = ("course", "torch")
SETTINGS = ("lr", "betas", "eps", "weight_decay", "form")


class AdamW(torch.optim.Optimizer):
    """AdamW in one of two forms, which differ in where eps is added and when weights decay.

    course: eps is added to sqrt(v) before v's bias is corrected, decay comes after the update.
    torch:  eps is added after the correction, decay comes before the update, as in `torch.optim.AdamW`.

    Both multiply the decay by the learning rate. Parameters without a gradient, or that require none, are left alone,
    their step included.
    `fused` computes the step by torch's fused kernel: one pass over the parameters instead of seven.
    """

    # torch wraps these to keep them from its compiler, and a wrapper's first call imports that: 1.2 s, as long as a
    # short run trains.
    add_param_group = torch.optim.Optimizer.add_param_group.__wrapped__
    state_dict = torch.optim.Optimizer.state_dict.__wrapped__
    load_state_dict = torch.optim.Optimizer.load_state_dict.__wrapped__

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        form: str = "course",
        fused: bool = True,
    ) -> None:
        if lr < 0 or eps < 0 or weight_decay < 0:
            raise ValueError(f"lr {lr}, eps {eps}, weight_decay {weight_decay}: each must be at least 0")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas {betas}: each must be at least 0 and below 1")
        if form not in FORMS:
            raise ValueError(f"form {form!r} is not one of {', '.join(FORMS)}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "form": form})
        self.fused = fused

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move every parameter that has a gradient, those of one age and equal settings together."""
        assert closure is None, "this optimizer evaluates no loss"
        alike = defaultdict(list)
        for group in self.param_groups:
            settings = tuple(group[name] for name in SETTINGS)
            for param in group["params"]:
                if param.grad is not None and param.requires_grad:
                    alike[self._advance(param), settings].append(param)
        for (step, settings), params in alike.items():
            update_ = self._update_fused_ if self.fused else self._update_
            update_(params, step, dict(zip(SETTINGS, settings, strict=True)))

    def _advance(self, param: Tensor) -> int:
        """Count this step of `param`, its moments being there from the first on."""
        state = self.state[param]
        if not state:
            state.update(step=0, exp_avg=torch.zeros_like(param), exp_avg_sq=torch.zeros_like(param))
        state["step"] += 1
        return state["step"]

    def _update_(self, params: list[Tensor], step: int, group: dict[str, Any]) -> None:
        """Step number `step` of `params`; each line is one operation over all of them."""
        lr, eps, (beta1, beta2), course = group["lr"], group["eps"], group["betas"], group["form"] == "course"
        grads = [param.grad for param in params]
        exp_avgs, exp_avg_sqs = self._moments(params)

        torch._foreach_lerp_(exp_avgs, grads, 1 - beta1)
        torch._foreach_mul_(exp_avg_sqs, beta2)
        torch._foreach_addcmul_(exp_avg_sqs, grads, grads, 1 - beta2)

        # m and v start at 0. Their corrections go into the step size, so that no pass over the parameters is spent
        # on them: lr * m / c1 / (sqrt(v / c2) + eps) = (lr * sqrt(c2) / c1) * m / (sqrt(v) + eps * sqrt(c2)).
        # The course leaves that last factor out.
        correction1, correction2_sqrt = 1 - beta1**step, math.sqrt(1 - beta2**step)
        denominators = torch._foreach_sqrt(exp_avg_sqs)
        torch._foreach_add_(denominators, eps if course else eps * correction2_sqrt)

        decay = lr * group["weight_decay"]
        if decay and not course:
            torch._foreach_mul_(params, 1 - decay)
        torch._foreach_addcdiv_(params, exp_avgs, denominators, -lr * correction2_sqrt / correction1)
        if decay and course:
            _decay_(params, decay)

    def _update_fused_(self, params: list[Tensor], step: int, group: dict[str, Any]) -> None:
        """The same by torch's kernel, which knows its own form: eps beside sqrt(v) is eps / sqrt(c2) there."""
        eps, (beta1, beta2), course = group["eps"], group["betas"], group["form"] == "course"
        torch._fused_adamw_(
            params,
            [param.grad for param in params],
            *self._moments(params),
            [],  # of AMSGrad
            [torch.tensor(float(step), device=params[0].device)] * len(params),
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            eps=eps / math.sqrt(1 - beta2**step) if course else eps,
            weight_decay=0.0 if course else group["weight_decay"],
            amsgrad=False,
            maximize=False,
        )
        if course and group["weight_decay"]:
            _decay_(params, group["lr"] * group["weight_decay"])

    def _moments(self, params: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        return [self.state[param]["exp_avg"] for param in params], [self.state[param]["exp_avg_sq"] for param in params]


def _decay_(params: list[Tensor], decay: float) -> None:
    """p -= decay * p, as the course does it: 1 - decay would round, at 1e-7 in fp32 to another decay by a fifth."""
    torch._foreach_add_(params, params, alpha=-decay)
