"""The user who corrects answers, as in src/train/user: clicks into an error and hands the answer over as a mask."""

import numpy
from scipy import ndimage

from .prompts import Prompts

TOUCHING = numpy.ones((3, 3, 3))
# Chances of taking the largest error, of its deepest voxel, of one at least half as deep, of a mask without doubts.
LARGEST, DEEPEST, DEEP, MASK = 0.85, 0.55, 0.33, 0.75


def correct(rng: numpy.random.Generator, prompts: Prompts, probability, truth: numpy.ndarray) -> float:
    """Adds what the user does on an answer, a tensor `[d, h, w]`; returns the answer's Dice."""
    answer, target = probability.cpu().numpy() > 0.5, truth > 0.5
    wrong = answer != target
    if wrong.any():
        k, j, i = _place(rng, _error(rng, wrong))
        prompts.clicks.append([float(i), float(j), float(k), 1.0 if target[k, j, i] else -1.0])
    prompts.previous = probability.round() if rng.random() < MASK else probability
    return 2.0 * (answer & target).sum() / max(1, answer.sum() + target.sum())


def _error(rng: numpy.random.Generator, wrong: numpy.ndarray) -> numpy.ndarray:
    """One connected part of what is wrong."""
    parts, count = ndimage.label(wrong, structure=TOUCHING)
    largest = numpy.bincount(parts.ravel())[1:].argmax()
    return parts == 1 + (largest if rng.random() < LARGEST else rng.integers(count))


def _place(rng: numpy.random.Generator, mask: numpy.ndarray) -> list[int]:
    """A voxel of a mask, rather a deep one."""
    box = ndimage.find_objects(mask.astype(numpy.uint8))[0]
    depth = ndimage.distance_transform_edt(numpy.pad(mask[box], 1))[1:-1, 1:-1, 1:-1]
    drawn = rng.random()
    if drawn < DEEPEST:
        at = numpy.unravel_index(depth.argmax(), depth.shape)
    else:
        least = 0.5 * depth.max() if drawn < DEEPEST + DEEP else 0.0
        deep = numpy.argwhere(depth > least)
        at = deep[rng.integers(len(deep))]
    return [int(x) + part.start for x, part in zip(at, box)]
