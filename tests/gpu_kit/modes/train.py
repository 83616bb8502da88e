"""Trains the model in the box with its twin on the device, from samples that the program draws on the other cores.

Goes on from what an earlier call left: on this machine, or in pieces in the kit. Leaves the averaged weights with their
card, the optimizer's state and train.json in --out.
"""

import json
import os
import signal
import time
import tomllib
from collections.abc import Iterator

import torch
from prosector1 import samples, weights
from prosector1.learning import Learner
from prosector1.net import NetConfig, ProsectorNet
from prosector1.training import OPTIMIZERS, Meter, Run

import pieces
from kit import ROOT, Kit, Report, arguments, machine

# Measuring and leaving what was learnt takes this long.
LAST_SECONDS = 60
END_SECONDS = 5
REPORT_EVERY = 50
# Steps that are measured and never learnt from.
HELD_STEPS, FIRST_HELD_STEP = 16, 1 << 30
STATE = ROOT / "state"


def started(kit: Kit, run: Run) -> str:
    """Fills a run with what is there; returns in words what that was."""
    if (kit.work / "train" / "state.pt").exists():
        run.resume(kit.work / "train", kit.torch_device)
        return "what an earlier call left on this machine"
    if not (STATE / "model.toml").exists():
        weights.load(run.net, kit.weights(), strict=False)
        run.average.load_state_dict(run.net.state_dict())
        return "the weights in the kit"
    joined = kit.work / "model.bpk"
    joined.write_bytes(pieces.joined_weights(STATE))
    for net in (run.net, run.average):
        weights.load(net, joined)
    progress = json.loads((STATE / "progress.json").read_text())
    run.step, run.seconds = progress["step"], progress["seconds"]
    pieces.load_moments(run, pieces.join("optimizer.safetensors", STATE))
    return "pieces of an earlier call"


class TimeUp(Exception):
    """No sample came while there was time."""


def in_time(kit: Kit, batches: Iterator[dict], spared_seconds: float) -> Iterator[dict]:
    """The batches that come in time; `spared_seconds` are kept for later. A wait is broken off, a step never is."""

    def stop(*_) -> None:
        raise TimeUp

    signal.signal(signal.SIGALRM, stop)
    while (left := kit.left() - spared_seconds) > 0:
        signal.setitimer(signal.ITIMER_REAL, left)
        try:
            batch = next(batches, None)
        except TimeUp:
            return
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if batch is None:
            return
        yield batch


def learner_of(net: ProsectorNet, recipe: dict, step: int) -> Learner:
    loss = recipe["structure_loss"]
    return Learner(net, (loss["target_weight"], loss["weight"]), recipe["schedule"]["seed"] + step)


def learn(kit: Kit, run: Run, recipe: dict, report: Report) -> None:
    """Learns until the time is up, or all of the time that the calls have together."""
    learner = learner_of(run.net, recipe, run.step)
    whole = 60 * kit.arguments.minutes_in_all
    meter, first, began, before = Meter(), run.step, None, run.seconds
    waited, ready = 0.0, time.monotonic()
    for batch in in_time(kit, samples.drawn(drawing(kit), run.step, FIRST_HELD_STEP), LAST_SECONDS):
        waited += time.monotonic() - ready if began else 0.0
        began = began or time.monotonic()
        run.seconds = before + time.monotonic() - began
        if run.seconds > whole:
            break
        with torch.autocast(kit.torch_device, torch.bfloat16, enabled=not kit.arguments.float32):
            loss, seen = learner.loss(batch)
        run.learn(loss, run.seconds / whole)
        meter.note(seen)
        steps = run.step - first
        if kit.is_quick or steps % REPORT_EVERY == 0:
            spent = time.monotonic() - began
            report.add(step=run.step, seconds=run.seconds, steps_per_second=steps / spent, waited=waited / spent, seen=meter.line())
        ready = time.monotonic()


def measured(kit: Kit, learner: Learner, spared_seconds: float) -> dict[str, float]:
    """Means over samples that no call learns from, the same ones each time; of training patients, though."""
    count = 1 if kit.is_quick else HELD_STEPS
    meter: dict[str, list[float]] = {}
    with torch.no_grad():
        batches = samples.drawn(drawing(kit), FIRST_HELD_STEP, FIRST_HELD_STEP + count)
        for batch in in_time(kit, batches, spared_seconds):
            for name, values in learner.loss(batch)[1].items():
                meter.setdefault(name, []).extend(values)
    return {name: sum(values) / len(values) for name, values in meter.items() if values}


def drawing(kit: Kit) -> list[str]:
    """What draws samples from the cache."""
    return samples.command(kit.program("samples"), ROOT / "recipe.toml", ROOT / "train.cache")


def main() -> None:
    kit = Kit(
        arguments(
            __doc__,
            ("--minutes-in-all", {"type": float, "default": 24.0, "help": "of all calls that add up, for the learning rate"}),
            ("--optimizer", {"choices": list(OPTIMIZERS), "default": "adamw", "help": "the same in all calls that add up"}),
            ("--float32", {"action": "store_true", "help": "single precision throughout"}),
        )
    )
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 4))
    recipe = tomllib.loads((ROOT / "recipe.toml").read_text())
    torch.manual_seed(recipe["schedule"]["seed"])
    net = ProsectorNet(NetConfig(structures=len(recipe["structures"]))).to(kit.torch_device)
    run = Run(net, recipe["schedule"], kit.arguments.optimizer)
    report = Report(kit.out / "train.json", machine=machine(kit), started_from=started(kit, run), first_step=run.step)

    def measure(spared_seconds: float) -> None:
        report.add(step=run.step, held=measured(kit, learner_of(run.average, recipe, 0), spared_seconds))

    measure(kit.left() / 2)
    learn(kit, run, recipe, report)
    folder = kit.work / "train"
    folder.mkdir(exist_ok=True)
    run.save(folder, (ROOT / "card.toml").read_text())
    pieces.save(run, folder, kit.out)
    measure(END_SECONDS)


if __name__ == "__main__":
    main()
