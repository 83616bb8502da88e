"""Where a user clicks into what is wrong: mostly into the largest connected error, and rather into its depth.

Twice the same: by SciPy, which is the faster one on a processor, and on tensors, for a graphics card would wait for the
processor at every correction.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy
import torch
from scipy import ndimage
from torch import Tensor

TOUCHING = numpy.ones((3, 3, 3))
# Chances of taking the largest error, of its deepest voxel, of one at least half as deep; any other voxel otherwise.
LARGEST, DEEPEST, DEEP = 0.85, 0.55, 0.33


class ClicksOnProcessor:
    """Chooses voxels by SciPy, several samples side by side."""

    def __init__(self, seed: int):
        self.rng = numpy.random.default_rng(seed)
        self.threads = ThreadPoolExecutor()

    def places(self, wrong: Tensor) -> Tensor:
        """Of each mask `[b, d, h, w]` the place of a voxel in its order of storage; -1 where the mask is empty."""
        masks = wrong.numpy()
        return torch.tensor(list(self.threads.map(_place, self.rng.spawn(len(masks)), masks)))


def _place(rng: numpy.random.Generator, wrong: numpy.ndarray) -> int:
    parts, count = ndimage.label(wrong, structure=TOUCHING)
    if count == 0:
        return -1
    largest = numpy.bincount(parts.ravel())[1:].argmax()
    part = 1 + (largest if rng.random() < LARGEST else rng.integers(count))
    box = ndimage.find_objects(parts)[part - 1]
    # One voxel more on each side, but not beyond the region, whose border is none of the error's.
    box = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
    depth = ndimage.distance_transform_edt(parts[box] == part)
    drawn = rng.random()
    if drawn < DEEPEST:
        at = numpy.unravel_index(depth.argmax(), depth.shape)
    else:
        least = 0.5 * depth.max() if drawn < DEEPEST + DEEP else 0.0
        deep = numpy.argwhere(depth > least)
        at = deep[rng.integers(len(deep))]
    return int(numpy.ravel_multi_index([x + s.start for x, s in zip(at, box)], wrong.shape))


class ClicksOnDevice:
    """Chooses voxels of all samples at once, where their tensors are."""

    def __init__(self, seed: int, device: torch.device):
        self.random = torch.Generator(device).manual_seed(seed)

    def places(self, wrong: Tensor) -> Tensor:
        """As `ClicksOnProcessor.places`."""
        parts = connected_parts(wrong)
        depth = squared_depth(parts == self._part(parts)[:, None, None, None]).flatten(1)
        deepest = depth.amax(1, keepdim=True)
        drawn = self._uniform(len(depth), 1)
        least = torch.where(drawn < DEEPEST + DEEP, 0.25 * deepest, torch.zeros_like(deepest))
        candidates = torch.where(drawn < DEEPEST, depth == deepest, depth > least)
        return torch.where(wrong.flatten(1).any(1), self._one_of(candidates), -1)

    def _part(self, parts: Tensor) -> Tensor:
        """The name of one part of each mask."""
        names = parts.flatten(1)
        sizes = torch.zeros(names.shape, device=names.device)
        sizes.scatter_add_(1, names.clamp_min(0), (names >= 0).float())
        takes_largest = self._uniform(len(sizes)) < LARGEST
        return torch.where(takes_largest, sizes.argmax(1), self._one_of(sizes > 0))

    def _one_of(self, candidates: Tensor) -> Tensor:
        """In each row one of those that are true, each as likely."""
        # Never 0, so that one that is true wins over all that are not.
        return (candidates * (1 - self._uniform(*candidates.shape))).argmax(1)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.random, device=self.random.device)


def connected_parts(masks: Tensor) -> Tensor:
    """For each voxel of masks `[b, d, h, w]` the name of its 26-connected part: the last of its voxels in the order of
    storage; -1 outside."""
    own = torch.arange(masks[0].numel(), device=masks.device).view(masks.shape[1:])
    names = torch.where(masks, own, -1)
    while True:
        spread = names
        for axis in (1, 2, 3):
            last = spread.shape[axis] - 1
            lower, upper = spread.narrow(axis, 0, last), spread.narrow(axis, 1, last)
            spread = spread.clone()
            spread.narrow(axis, 1, last).copy_(torch.maximum(upper, lower))
            spread.narrow(axis, 0, last).copy_(torch.maximum(spread.narrow(axis, 0, last), upper))
        # A name is a voxel of the same part, whose own name may have come from farther.
        followed = spread.flatten(1).gather(1, spread.flatten(1).clamp_min(0)).view(masks.shape)
        spread = torch.where(masks, followed, -1)
        if torch.equal(spread, names):
            return names
        names = spread


def squared_depth(masks: Tensor) -> Tensor:
    """For each voxel of masks `[b, d, h, w]` the squared distance to the nearest voxel outside; the region's border is
    none. Infinite where a mask fills the region."""
    squared = torch.where(masks, torch.inf, 0.0)
    for axis in (1, 2, 3):
        at = torch.arange(squared.shape[axis], device=squared.device)
        steps = (at[:, None] - at).square()
        lines = squared.movedim(axis, -1)
        squared = (lines[..., None, :] + steps).amin(-1).movedim(-1, axis)
    return squared
