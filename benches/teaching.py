#!/usr/bin/env python3
"""What a few cases teach: ways to learn and numbers of cases, measured on cases that none of them saw.

Usage: pip install nibabel numpy scipy, then
       python3 benches/teaching.py LEARN.toml HELD_OUT.toml --structure prostate --binary target/release/prosector \\
           --method lora --method norm --cases 1 5 10 --steps 160

LEARN.toml and HELD_OUT.toml are files of cases as `evaluate` reads them; the first so many of LEARN.toml are learnt from.
Each row is one `prosector teach` without cross-validation and one `prosector evaluate` of what it made. The first row looks
at nothing: the mean of where the structure was in the cases learnt from.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path

import nibabel
import numpy
from scipy import ndimage


def text_of(case):
    """A case as TOML, its paths made absolute by now."""
    value = lambda v: "{ " + ", ".join(f'{k} = "{n}"' for k, n in v.items()) + " }" if isinstance(v, dict) else json.dumps(v)
    return "[[case]]\n" + "".join(f"{key} = {value(v)}\n" for key, v in case.items()) + "\n"


def read(path):
    """The cases of a file, with absolute paths."""
    cases = tomllib.loads(path.read_text())["case"]
    for case in cases:
        for key in ("image", "truth"):
            case[key] = str((path.parent / case[key]).resolve())
    return cases


def mask(case, structure):
    """Where the structure is, and the spacing in mm, on the axes of the patient."""
    image = nibabel.as_closest_canonical(nibabel.load(case["truth"]))
    values = [int(v) for v, name in case.get("labels", {}).items() if name == structure]
    return numpy.isin(numpy.asarray(image.dataobj), values), image.header.get_zooms()[:3]


def mean_shape_dice(learnt, held_out, structure):
    """Dice of the mean place and shape by share of the field of view, as many voxels as the structure has on average."""
    masks = [mask(case, structure)[0] for case in learnt]
    dice = []
    for case in held_out:
        truth, _ = mask(case, structure)
        votes = sum(ndimage.zoom(m.astype(float), [a / b for a, b in zip(truth.shape, m.shape)], order=1) for m in masks)
        wanted = int(numpy.mean([m.mean() for m in masks]) * truth.size)
        found = votes >= max(numpy.partition(votes.ravel(), -wanted)[-wanted], 1e-6)
        dice.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    return dice


def run(binary, arguments, home):
    """One JSON answer of the program, with a folder of models of its own."""
    environment = os.environ | {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    done = subprocess.run([binary, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else None


def taught_row(arguments, method, count, learnt, home):
    """Teaches and measures one way."""
    cases = home / "cases.toml"
    cases.write_text("".join(map(text_of, learnt[:count])))
    adapter = home / f"{method}_{count}.safetensors"
    began = time.monotonic()
    told = run(arguments.binary, [
        "teach", "--cases", str(cases), "--structure", arguments.structure, "--method", method, "--folds", "0", "--unproven",
        "--steps", str(arguments.steps), "--device", "cpu", "--json", "-o", str(adapter),
    ], home)
    minutes = (time.monotonic() - began) / 60
    run(arguments.binary, ["models", "use", str(adapter)], home)
    measured = run(arguments.binary, [
        "evaluate", "--cases", str(arguments.held_out.resolve()), "--protocol", "auto", "--device", "cpu", "--json",
    ], home)
    run(arguments.binary, ["models", "rollback"], home)
    own = [case for case in measured["cases"] if case["name"] == arguments.structure]
    return own, minutes, told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("learn", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("--structure", required=True)
    parser.add_argument("--binary", default="target/release/prosector")
    parser.add_argument("--method", action="append", help="as in `prosector teach --method`; several")
    parser.add_argument("--cases", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--steps", type=int, default=160)
    arguments = parser.parse_args()
    learnt, held_out = read(arguments.learn), read(arguments.held_out)
    print("| learnt from | by | Dice, mean (worst) | ASSD, mm | minutes | peak memory, MB | values that learn | adapter, MB |")
    print("|---|---|---|---|---|---|---|---|")
    for count in arguments.cases:
        blind = mean_shape_dice(learnt[:count], held_out, arguments.structure)
        print(f"| {count} | mean shape, looking at nothing | {numpy.mean(blind):.3f} ({min(blind):.3f}) | | | | | |", flush=True)
        for method in arguments.method or ["lora"]:
            with tempfile.TemporaryDirectory() as home:
                own, minutes, told = taught_row(arguments, method, count, learnt, Path(home))
            dice = [case["dice"] for case in own]
            assd = [case["assd_mm"] for case in own if case["assd_mm"] is not None]
            print(
                f"| {count} | {method} | {numpy.mean(dice):.3f} ({min(dice):.3f}) | {numpy.mean(assd):.2f} | {minutes:.1f} "
                f"| {told['peak_memory_mb']} | {told['parameters']} | {told['bytes'] / 1e6:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
