#!/usr/bin/env python3
"""The model in the box in PyTorch: the same weights file, the same outputs, trained on the same samples.

Usage: pip install torch safetensors scipy, then
       python3 benches/peers/prosector1.py record OUT          writes a recording for `prosector parity OUT`
       python3 benches/peers/prosector1.py train assets/train/prosector1.toml --out ../training/twin --minutes 60
       python3 benches/peers/prosector1.py time                 seconds per sample and per answer

`train` has `prosector train RECIPE --samples` draw the samples, goes on from the shipped weights, and leaves weights that
the program loads (`--model OUT/model.toml`); `--resume` goes on from its last checkpoint. `--device cuda` computes on a
graphics card, `--bfloat16` in mixed precision. `--optimizer muon` learns faster at first: over 80 steps of four from the
shipped weights, at a rate of 1.2e-3 and on the same samples, none of them seen before, the mean Dice of first and last
answers was 0.529 and 0.588 against 0.519 and 0.575 by AdamW, the loss 0.513 against 0.531 (one seed); a step took 3 % longer.
"""

import argparse
from pathlib import Path

import torch

from prosector1 import record, timing, training

PROJECT = Path(__file__).resolve().parent.parent.parent
WEIGHTS = PROJECT / "weights" / "prosector1.bpk"


def parsed_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recorded = commands.add_parser("record", help="write a recording of the shipped weights")
    recorded.add_argument("out", type=Path, help="folder of the recording")
    recorded.add_argument("--weights", type=Path, default=WEIGHTS)
    trained = commands.add_parser("train", help="train by a recipe of the model in the box")
    trained.add_argument("recipe", type=Path)
    trained.add_argument("--out", type=Path, required=True, help="folder of checkpoints and weights")
    trained.add_argument("--initial", type=Path, default=WEIGHTS, help="weights to go on from")
    trained.add_argument("--card", type=Path, default=WEIGHTS.with_suffix(".toml"), help="the model card to copy")
    trained.add_argument("--binary", type=Path, default=PROJECT / "target" / "release" / "prosector")
    trained.add_argument("--cache", type=Path, help="packed training data, instead of the recipe's folders")
    trained.add_argument("--minutes", type=float, help="length of the run; otherwise the recipe's steps")
    trained.add_argument("--times", type=int, default=1, help="how often a sample is learnt from, mirrored after the first")
    trained.add_argument("--optimizer", choices=training.OPTIMIZERS, default="adamw", help="`prosector train` has AdamW")
    trained.add_argument("--bfloat16", action="store_true")
    trained.add_argument("--resume", action="store_true")
    timed = commands.add_parser("time", help="time training and answers on random regions")
    timed.add_argument("--batch", type=int, default=4)
    timed.add_argument("--bfloat16", action="store_true")
    for command in (trained, timed):
        command.add_argument("--device", default="cpu")
        command.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main():
    arguments = parsed_arguments()
    if "threads" in arguments:
        torch.set_num_threads(arguments.threads)
    commands = {"record": record.record, "train": training.train, "time": timing.measure}
    commands[arguments.command](arguments)


if __name__ == "__main__":
    main()
