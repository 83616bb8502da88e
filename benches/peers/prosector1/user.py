"""The user who corrects answers, as in src/train/user: clicks into an error and hands the answer over as a mask."""

import numpy
import torch
from torch import Tensor

from .clicking import ClicksOnDevice, ClicksOnProcessor
from .prompts import Prompts

# Chance of handing over a mask without doubts.
MASK = 0.75


class User:
    """Corrects many answers at once."""

    def __init__(self, seed: int, device: torch.device):
        self.rng = numpy.random.default_rng(seed)
        self.clicks = ClicksOnDevice(seed, device) if device.type == "cuda" else ClicksOnProcessor(seed)

    def correct(self, prompts: list[Prompts], probabilities: Tensor, truths: Tensor) -> list[float]:
        """Adds what the user does on answers, `[b, d, h, w]`; returns the answers' Dice."""
        answers, targets = probabilities > 0.5, truths > 0.5
        places = self.clicks.places(answers != targets)
        hit = targets.flatten(1).gather(1, places.clamp_min(0)[:, None])[:, 0]
        depth, height, width = targets.shape[1:]
        for own, place, is_missed, probability in zip(prompts, places.tolist(), hit.tolist(), probabilities):
            if place >= 0:
                k, j, i = place // (height * width), place // width % height, place % width
                own.clicks.append([float(i), float(j), float(k), 1.0 if is_missed else -1.0])
            own.previous = probability.round() if self.rng.random() < MASK else probability
        count = lambda masks: masks.flatten(1).sum(1)
        return (2 * count(answers & targets) / (count(answers) + count(targets)).clamp_min(1)).tolist()
