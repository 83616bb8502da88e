"""The training loop: AdamW or Muon, warm-up and cosine, running average, checkpoints; src/train/trainer.rs."""

import copy
import math
import os
import time
import tomllib
from pathlib import Path

import torch

from . import samples, weights
from .learning import Learner
from .muon import Muon
from .net import NetConfig, ProsectorNet

# Burn's AdamW has this epsilon, PyTorch's 1e-8.
EPSILON = 1e-5
REPORT_EVERY = 10
SAVE_EVERY_SECONDS = 180


OPTIMIZERS = {
    "adamw": lambda net, decay: torch.optim.AdamW(net.parameters(), eps=EPSILON, weight_decay=decay),
    "muon": lambda net, decay: Muon(list(net.named_parameters()), EPSILON, decay),
}


class Run:
    """A run between two steps."""

    def __init__(self, net: ProsectorNet, schedule: dict, optimizer: str = "adamw"):
        self.net = net
        self.average = copy.deepcopy(net)
        self.optimizer = OPTIMIZERS[optimizer](net, schedule["weight_decay"])
        self.schedule = schedule
        self.step = 0
        self.seconds = 0.0

    def save(self, folder: Path, card: str) -> None:
        """Leaves what is needed to go on, and the averaged weights in the form that is shipped."""
        state = {name: getattr(self, name).state_dict() for name in ("net", "average", "optimizer")}
        part = folder / "state.pt.part"
        torch.save(state | {"step": self.step, "seconds": self.seconds}, part)
        os.replace(part, folder / "state.pt")
        weights.save(self.average, folder / "model.bpk", card)

    def resume(self, folder: Path, device: str) -> None:
        state = torch.load(folder / "state.pt", map_location=device)
        for name in ("net", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]

    def learn(self, loss: torch.Tensor, done: float) -> None:
        """One step; `done` is the share of the run that lies behind it."""
        warm = min(1.0, (self.step + 1) / max(1, self.schedule["warmup"]))
        cosine = 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule["learning_rate"] * warm * (0.01 + 0.99 * cosine)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_each(p.grad for p in self.net.parameters() if p.grad is not None)
        self.optimizer.step()
        self.step += 1
        keep = min(self.schedule["average"], self.step / (self.step + 9))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), 1 - keep)


def clip_each(gradients) -> None:
    """Each tensor's norm to 1 at most, as Burn clips; PyTorch's own function takes all tensors as one."""
    gradients = list(gradients)
    norms = torch._foreach_norm(gradients)
    torch._foreach_div_(gradients, [norm.clamp_min(1.0) for norm in norms])


class Meter:
    """Running means for the progress line."""

    def __init__(self):
        self.means: dict[str, float] = {}

    def note(self, seen: dict[str, list[float]]) -> None:
        for name, values in seen.items():
            for value in values:
                mean = self.means.setdefault(name, value)
                self.means[name] = mean + 0.03 * (value - mean)

    def line(self) -> str:
        return ", ".join(f"{name} {mean:.3f}" for name, mean in self.means.items())


def train(arguments) -> None:
    """Trains by a recipe for some minutes or for its steps, whichever is asked for."""
    recipe = tomllib.loads(arguments.recipe.read_text())
    if recipe.get("learner", "network") != "network":
        raise SystemExit(f"{arguments.recipe}: only the program trains the refiner alone")
    schedule = recipe["schedule"]
    loss = recipe["structure_loss"]
    torch.manual_seed(schedule["seed"])
    net = ProsectorNet(NetConfig(structures=len(recipe["structures"]))).to(arguments.device)
    if arguments.initial:
        weights.load(net, arguments.initial, strict=False)
    run = Run(net, schedule, arguments.optimizer)
    if arguments.resume:
        run.resume(arguments.out, arguments.device)
    arguments.out.mkdir(parents=True, exist_ok=True)
    card = arguments.card.read_text()
    learner = Learner(net, (loss["target_weight"], loss["weight"]), schedule["seed"] + run.step)
    command = samples.command(arguments.binary, arguments.recipe, arguments.cache)
    steps = schedule["steps"] if arguments.minutes is None else 1 << 30
    meter, first, before = Meter(), run.step, run.seconds
    started, saved = None, time.monotonic()
    batches = samples.drawn(command, run.step, steps)
    for batch in samples.repeated(batches, arguments.times, schedule["seed"] + run.step):
        # The time until the first sample is the reading of the data.
        started = started or time.monotonic() - before
        run.seconds = time.monotonic() - started
        done = run.step / steps if arguments.minutes is None else run.seconds / (60 * arguments.minutes)
        if done >= 1:
            break
        with torch.autocast(arguments.device, torch.bfloat16, enabled=arguments.bfloat16):
            loss, seen = learner.loss(batch)
        run.learn(loss, done)
        meter.note(seen)
        if run.step % REPORT_EVERY == 0:
            seconds = (time.monotonic() - started - before) / (run.step - first)
            print(f"step {run.step}, {100 * done:.1f} %: {meter.line()}; {seconds:.2f} s a step", flush=True)
        if time.monotonic() - saved > SAVE_EVERY_SECONDS:
            run.save(arguments.out, card)
            saved = time.monotonic()
    run.save(arguments.out, card)
