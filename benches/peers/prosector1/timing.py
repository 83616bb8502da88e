"""Seconds per training sample and per answer, on random regions."""

import time
from collections.abc import Callable

import torch

from .learning import TARGET, mask_losses
from .net import IMAGE_CHANNELS, PROMPT_CHANNELS, NetConfig, ProsectorNet
from .prompts import SIDE

REPEATS = 5
STRUCTURES = 9


def measure(arguments) -> None:
    """Prints wall and processor seconds, warmed up: a sample with two answers learnt from, encoding, an answer."""
    net = ProsectorNet(NetConfig(structures=STRUCTURES)).to(arguments.device)
    region = lambda channels: torch.rand(arguments.batch, SIDE, SIDE, SIDE, channels, device=arguments.device)
    image, prompts, truth = region(IMAGE_CHANNELS), region(PROMPT_CHANNELS), region(1).round()
    inside = torch.ones_like(truth)

    def learn() -> None:
        embedding = net.encode(image)
        answers = [net.prompted(embedding, prompts) for _ in range(2)]
        sum(mask_losses(answer.float(), truth, inside, TARGET).sum() for answer in answers).backward()

    with torch.no_grad():
        embedding = net.encode(image)
    parts = {
        "learning from a sample": learn,
        "encoding a region": torch.no_grad()(lambda: net.encode(image)),
        "an answer": torch.no_grad()(lambda: net.prompted(embedding, prompts)),
    }
    for name, part in parts.items():
        with torch.autocast(arguments.device, torch.bfloat16, enabled=arguments.bfloat16):
            wall, processor = _seconds(part, arguments.device)
        print(f"{name}: {wall / arguments.batch:.3f} s, {processor / arguments.batch:.3f} s of processor time")


def _seconds(part: Callable[[], object], device: str) -> tuple[float, float]:
    part()
    _wait(device)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(REPEATS):
        part()
    _wait(device)
    return (time.perf_counter() - wall) / REPEATS, (time.process_time() - processor) / REPEATS


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
