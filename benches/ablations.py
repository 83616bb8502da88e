#!/usr/bin/env python3
"""What each kind of made-up target is worth: the model in the box trained for equal times, one kind left out at a time.

Usage: pip install torch safetensors scipy nibabel numpy pynrrd, then
       python3 benches/ablations.py OUT --minutes 10        or --steps 300, which is the same where other work is done beside
       python3 benches/accuracy.py ../shared/data --half choosing --model OUT/all/model.toml --model OUT/no_lesions/model.toml

Every row goes on from the shipped weights by the same recipe, with the PyTorch twin; the shares of the kind that is left
out go to the other prompted samples in proportion. The commands are printed before they run.
"""

import argparse
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
RECIPE = PROJECT / "assets" / "train" / "prosector1.toml"
LEFT_OUT = ["supervoxels", "label_maps", "lesions"]


def scaled(line, left_out, factor):
    """A line of a recipe's shares: none of what is left out, more of the others."""
    name, share = (part.strip() for part in line.split("="))
    return f"{name} = {0.0 if name == left_out else float(share) * factor:.6f}"


def without(text, left_out):
    """The recipe without one kind of made-up target; the automatic samples keep their shares."""
    mix = tomllib.loads(text)["mix"]
    prompted = 1.0 - sum(mix["automatic"].values())
    factor = prompted / (prompted - mix["made"].get(left_out, 0.0))
    section, lines = "", []
    for line in text.splitlines():
        section = line if line.startswith("[") else section
        is_share = section in ("[mix.prompted]", "[mix.made]") and re.match(r"[\w-]+ = ", line)
        lines.append(scaled(line, left_out, factor) if is_share else line)
    return "\n".join(lines) + "\n"


def with_absolute_paths(text):
    """Paths in a recipe are relative to it."""
    absolute = lambda path: (RECIPE.parent / path).resolve().as_posix()
    return re.sub(r'"((?:\.\./)+[^"]*)"', lambda found: f'"{absolute(found[1])}"', text)


def of_steps(text, steps):
    """The recipe of so many steps; a step costs the same whatever is left out."""
    return re.sub(r"(?m)^steps = .*$", f"steps = {steps}", text) if steps else text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="the folder for recipes and weights, outside the project")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=10.0, help="training time of each row")
    length.add_argument("--steps", type=int, help="steps of each row instead")
    parser.add_argument("--binary", type=Path, default=PROJECT / "target" / "release" / "prosector")
    parser.add_argument("--initial", type=Path, default=PROJECT / "weights" / "prosector1.bpk")
    parser.add_argument("--threads", type=int, default=2, help="of the twin: 1 where other work is done beside, or two wait for each other")
    arguments = parser.parse_args()
    recipe = of_steps(with_absolute_paths(RECIPE.read_text()), arguments.steps)
    rows = {"all": recipe} | {f"no_{name}": without(recipe, name) for name in LEFT_OUT}
    for row, text in rows.items():
        folder = arguments.out / row
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.toml").write_text(text)
        command = [sys.executable, PROJECT / "benches" / "peers" / "prosector1.py", "train", folder / "recipe.toml"]
        command += ["--binary", arguments.binary, "--initial", arguments.initial]
        command += ["--out", folder, "--bfloat16", "--times", 3, "--threads", arguments.threads]
        command += [] if arguments.steps else ["--minutes", arguments.minutes]
        command = [str(part) for part in command]
        print(shlex.join(command), flush=True)
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
