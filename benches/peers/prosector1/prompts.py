"""Prompts drawn as image channels: src/models/prosector1/prompt_channels.rs on tensors, a sample at a time."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 48
# Radius of the ball drawn for a click, in region voxels.
BALL_RADIUS = 3.5
# Distance over which nearness to a click fades, in region voxels.
FADE = SIDE / 6
# Radius of the target assumed around a lone click, in region voxels.
ASSUMED_RADIUS = 0.2 * SIDE
# Bins of the intensity histograms.
BINS = 40


@dataclass
class Prompts:
    """Clicks (i, j, k, sign) and box (lower faces, upper faces) in region voxels; a probability `[d, h, w]` so far."""

    clicks: list[list[float]] = field(default_factory=list)
    box: list[float] | None = None
    previous: Tensor | None = None


def draw(prompts: Prompts, intensity: Tensor, inside: Tensor) -> Tensor:
    """`[d, h, w, PROMPT_CHANNELS]` for a region whose `intensity` and `inside` are `[d, h, w]`."""
    axes = _axes(intensity)
    positive, negative = (_nearest(prompts.clicks, sign, axes) for sign in (1, -1))
    in_box, radius = _target(prompts, positive, axes)
    part = _part(prompts, positive, negative, in_box, radius)
    raw = _likelihood(torch.where(inside > 0, part, -1), intensity) * inside
    smooth = _smooth(raw)
    none = torch.zeros_like(intensity)
    known = prompts.previous is not None
    channels = [
        (1 - positive / BALL_RADIUS).clamp_min(0),
        (1 - negative / BALL_RADIUS).clamp_min(0),
        in_box,
        (1 - radius).clamp_min(-1),
        (-positive / FADE).exp(),
        (-negative / FADE).exp(),
        raw,
        smooth,
        2 * prompts.previous - 1 if known else none,
        none + 1 if known else none,
    ]
    return torch.stack(channels, -1)


def _axes(like: Tensor) -> list[Tensor]:
    """Coordinates i, j, k, each along its own axis of `[d, h, w]`."""
    at = torch.arange(SIDE, dtype=like.dtype, device=like.device)
    return [at.view(1, 1, SIDE), at.view(1, SIDE, 1), at.view(SIDE, 1, 1)]


def _nearest(clicks: list[list[float]], sign: int, axes: list[Tensor]) -> Tensor:
    """Distance to the nearest click of a sign; infinite where there is none."""
    squared = torch.full((SIDE,) * 3, torch.inf, dtype=axes[0].dtype, device=axes[0].device)
    for *at, own in clicks:
        if own * sign > 0:
            squared = torch.minimum(squared, sum((axis - x) ** 2 for axis, x in zip(axes, at)))
    return squared.sqrt()


def _target(prompts: Prompts, positive: Tensor, axes: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Whether a voxel lies in the box, and its distance from the assumed target's middle, 1 on its border."""
    if prompts.box is not None:
        inside, squared = 1.0, 0.0
        for axis, low, high in zip(axes, prompts.box[:3], prompts.box[3:]):
            inside = inside * ((axis >= low) & (axis <= high)).to(axis.dtype)
            squared = squared + ((axis - (low + high) / 2) / max((high - low) / 2, 0.5)) ** 2
        return inside, squared.sqrt()
    none = torch.zeros_like(positive)
    return none, positive / ASSUMED_RADIUS if any(c[3] > 0 for c in prompts.clicks) else none + 1


def _part(prompts: Prompts, positive: Tensor, negative: Tensor, in_box: Tensor, radius: Tensor) -> Tensor:
    """1 where the prompts say that the target is, 0 where it is not, -1 where they say neither."""
    none = torch.full_like(positive, -1)
    if prompts.previous is not None:
        part = ((prompts.previous > 0.5) | (positive < BALL_RADIUS)).to(positive.dtype)
    elif prompts.box is not None:
        part = torch.where(radius < 0.8, 1, torch.where(in_box == 0, 0, none))
    else:
        part = torch.where(positive < BALL_RADIUS, 1, torch.where(positive > 2 * ASSUMED_RADIUS, 0, none))
    return torch.where(negative < BALL_RADIUS, 0, part)


def _likelihood(part: Tensor, intensity: Tensor) -> Tensor:
    """A third of the logarithm of how much likelier an intensity is in part 1 than in part 0, clamped to ±1."""
    low, high = intensity.min(), intensity.max()
    scale = BINS / (high - low).clamp_min(1e-6)
    bins = ((intensity - low) * scale).long().clamp_max(BINS - 1)
    rest, target = (torch.bincount(bins[part == p], minlength=BINS).to(intensity.dtype) for p in (0, 1))
    if rest.sum() == 0 or target.sum() == 0:
        return torch.zeros_like(intensity)
    ratio = (_density(target) / _density(rest)).log() / 3
    return ratio.clamp(-1, 1)[bins]


def _smooth(x: Tensor) -> Tensor:
    """Mean over 5³ voxels, of those in the region; an axis at a time, which is faster than PyTorch's pooling."""
    x = x[None]
    for kernel in ((5, 1, 1), (1, 5, 1), (1, 1, 5)):
        x = F.avg_pool3d(x, kernel, 1, tuple(k // 2 for k in kernel), count_include_pad=False)
    return x[0]


def _density(counts: Tensor) -> Tensor:
    """A histogram as a smoothed density that is nowhere zero."""
    kernel = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0], dtype=counts.dtype, device=counts.device) / 9
    padded = F.pad(counts[None, None], (2, 2), mode="replicate")
    return F.conv1d(padded, kernel[None, None])[0, 0] / counts.sum() + 0.1 / BINS
