"""Trains the model in the box with its twin on the device, from samples that the program draws on the other cores.

Goes on from what an earlier call left: on this machine, or in pieces in the kit. Leaves the averaged weights with their
card, AdamW's state and train.json in --out.
"""

import json
import os
import time
import tomllib

import torch
from prosector1 import samples, weights
from prosector1.learning import Learner
from prosector1.net import NetConfig, ProsectorNet
from prosector1.training import Meter, Run

import pieces
from kit import ROOT, Kit, Report, arguments, machine

# Leaving what was learnt, and trying it, takes this long.
LAST_SECONDS = 60
REPORT_EVERY = 50
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


def learn(kit: Kit, run: Run, recipe: dict, report: Report) -> None:
    """Learns until the time is up, or all of the time that the calls have together."""
    loss = recipe["structure_loss"]
    learner = Learner(run.net, (loss["target_weight"], loss["weight"]), recipe["schedule"]["seed"] + run.step)
    command = samples.command(kit.program("prosector"), ROOT / "recipe.toml", ROOT / "train.cache")
    whole = 60 * kit.arguments.minutes_in_all
    last_seconds = min(LAST_SECONDS, kit.arguments.seconds / 2)
    meter, first, began, before = Meter(), run.step, None, run.seconds
    waited, ready = 0.0, time.monotonic()
    for batch in samples.drawn(command, run.step, 1 << 30):
        waited += time.monotonic() - ready if began else 0.0
        began = began or time.monotonic()
        run.seconds = before + time.monotonic() - began
        if kit.left() < last_seconds or run.seconds > whole:
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


def tried(kit: Kit, report: Report) -> None:
    """Whether the program takes the weights: the phantom's lesion by clicks."""
    cases = kit.work / "cases.toml"
    scans = ROOT / "scans"
    lines = ["[[case]]", 'id = "phantom"', f'image = "{scans}/phantom.nii.gz"', f'truth = "{scans}/truth.nii.gz"']
    cases.write_text("\n".join([*lines, "[case.labels]", '10 = "lesion"', ""]))
    command = [kit.program("prosector"), "evaluate", "--cases", cases, "--protocol", "clicks", "--steps", 3]
    done = kit.run([*command, "--model", kit.work / "train" / "model.toml", "--device", "cpu", "--json"])
    if done.reason:
        report.add(tried="phantom", reason=done.reason)
        return
    steps = done.last_json()["cases"][0]["steps"]
    report.add(tried="phantom", dice=[step["dice"] for step in steps])


def main() -> None:
    kit = Kit(
        arguments(
            __doc__,
            ("--minutes-in-all", {"type": float, "default": 24.0, "help": "of all calls that add up, for the learning rate"}),
            ("--float32", {"action": "store_true", "help": "single precision throughout"}),
        )
    )
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 4))
    recipe = tomllib.loads((ROOT / "recipe.toml").read_text())
    torch.manual_seed(recipe["schedule"]["seed"])
    run = Run(ProsectorNet(NetConfig(structures=len(recipe["structures"]))).to(kit.torch_device), recipe["schedule"])
    report = Report(kit.out / "train.json", machine=machine(kit), started_from=started(kit, run), first_step=run.step)
    learn(kit, run, recipe, report)
    folder = kit.work / "train"
    folder.mkdir(exist_ok=True)
    run.save(folder, (ROOT / "card.toml").read_text())
    pieces.save(run, folder, kit.out)
    tried(kit, report)


if __name__ == "__main__":
    main()
