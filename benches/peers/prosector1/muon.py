"""Muon: a matrix steps along its momentum made orthogonal, so that no direction is left behind; AdamW for the rest.

K. Jordan et al. 2024 (kellerjordan.github.io/posts/muon), whose polynomial this is; the length of a step is that of AdamW's,
as in J. Liu et al. 2025 (arXiv 2502.16982), so that both have the same learning rate. PyTorch's own takes no convolutions.
"""

import torch
from torch import Tensor

POLYNOMIAL = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
# Root of the mean square of a step, in learning rates.
LENGTH = 0.2
# Fewest rows and columns of what counts as a matrix.
FEWEST = 8


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose rows, or columns where these are fewer, are orthonormal."""
    a, b, c = POLYNOMIAL
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if is_tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if is_tall else x


def as_matrix(weight: Tensor) -> Tensor:
    """All that goes into an output channel in one column."""
    return weight.reshape(-1, weight.shape[-1])


def is_matrix(name: str, weight: Tensor) -> bool:
    """Layers between features; what answers (heads and the prior), norms and biases are none."""
    answers = any(part in ("head", "prior") for part in name.split("."))
    return weight.ndim > 1 and min(as_matrix(weight).shape) >= FEWEST and not answers


class Matrices(torch.optim.Optimizer):
    """Muon alone."""

    def __init__(self, weights: list[Tensor], weight_decay: float):
        super().__init__(weights, {"lr": 0.0, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"]
                momentum.lerp_(weight.grad, 1 - MOMENTUM)
                step = orthogonal(as_matrix(weight.grad.lerp(momentum, MOMENTUM)))
                length = LENGTH * max(step.shape) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(step.reshape(weight.shape), alpha=group["lr"] * length)


class Muon:
    """Both, to be used as one."""

    def __init__(self, named: list[tuple[str, Tensor]], epsilon: float, weight_decay: float):
        matrices = [weight for name, weight in named if is_matrix(name, weight)]
        rest = [weight for name, weight in named if not is_matrix(name, weight)]
        self.matrices = Matrices(matrices, weight_decay)
        self.rest = torch.optim.AdamW(rest, eps=epsilon, weight_decay=weight_decay)

    @property
    def param_groups(self) -> list[dict]:
        return self.matrices.param_groups + self.rest.param_groups

    @property
    def state(self) -> dict:
        """AdamW's moments; momentum is soon made anew."""
        return self.rest.state

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.matrices.zero_grad(set_to_none)
        self.rest.zero_grad(set_to_none)

    def step(self) -> None:
        self.matrices.step()
        self.rest.step()

    def state_dict(self) -> dict:
        return {"matrices": self.matrices.state_dict(), "rest": self.rest.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.matrices.load_state_dict(state["matrices"])
        self.rest.load_state_dict(state["rest"])
