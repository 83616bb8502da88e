#!/usr/bin/env python3
"""Measures models on the validation patients and the labelled scans, and prints one table.

Usage: pip install nibabel numpy pynrrd scipy, then
       python3 benches/accuracy.py ../shared/data
       python3 benches/accuracy.py ../shared/data --model before/prosector1.toml --model weights/prosector1.toml
       python3 benches/accuracy.py ../shared/data --half choosing --protocol box --group sarcoma head_neck

Rows are groups of targets (see make_validation.py), columns what a model is given: the tight box of the truth, the
box loosened by 15 %, simulated clicks alone or after a box or a diameter, or nothing; beside it what looks at nothing, the
ellipsoid drawn into the box and the ball on the diameter.
Means are over targets; NSD is at 2 mm. Patients to choose on have a table of their own, of which no figure is quoted.
Then come the targets on which the box is worse than its ellipsoid, and time and memory, which mean something only
with `--jobs 1` on a quiet machine.

What was measured is kept in OUT/results by model, cases and protocol, and not measured again.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from make_validation import HALVES, make_groups
from validation.measure import PROTOCOLS, Bench
from validation.prosector import Model, Prosector
from validation.table import number, spread, table, worse_rows, worse_than_ellipsoid
from validation.targets import gather

PROJECT = Path(__file__).resolve().parent.parent
MEASURES = {"dice": "Dice", "nsd": "NSD at 2 mm"}


def print_tables(title, targets, models):
    for measure, name in MEASURES.items():
        print(f"\n## {title}: {name}\n\n{table(targets, len(models), measure)}")


def print_losses(targets, models):
    """Where a model is worse than what looks at nothing, and where the last model is worse than the first."""
    for n, model in enumerate(models):
        losses = worse_than_ellipsoid(targets, n)
        print(f"\n## Box worse than its ellipsoid, {name_of(model)}: {len(losses)} of {len(targets)} targets\n")
        for _, target in losses:
            box, blind = target.score("box", n).dice, target.blind["ellipsoid"].dice
            print(f"- {target.group}, {target.case}, {target.name}: {number(box)}, ellipsoid {number(blind)}")
    if len(models) > 1:
        fell = worse_rows(targets, 0, len(models) - 1)
        print(f"\n## Means of Dice that fell: {len(fell)}\n")
        for title, column, before, after in fell:
            print(f"- {title}, {column}: {number(before)} → {number(after)}")


def print_costs(targets, measured, models):
    print("\n## Time and memory\n")
    for n, model in enumerate(models):
        first = [s for t in targets for s in t.models[n].first_answer_seconds]
        clicks = [s for t in targets for s in t.models[n].click_seconds]
        memory = max((result["peak_memory_bytes"] for run, result in measured if run.model == model), default=0)
        print(f"- {name_of(model)}: first answer {spread(first)}; a click after it {spread(clicks)}; ", end="")
        print(f"peak memory {memory / 1e6:.0f} MB")


def name_of(model):
    return f"{model.card.name} {model.sha256[:8]}"


def parsed_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder with `train` and `labelled`")
    parser.add_argument("--binary", type=Path, default=PROJECT / "target" / "release" / "prosector")
    parser.add_argument("--model", type=Path, action="append", help="the card of a model; several go side by side")
    parser.add_argument("--half", nargs="+", choices=[*HALVES, "all"], default=["labelled", "reporting"])
    parser.add_argument("--group", nargs="+", help="only these groups, by the names of their case files")
    parser.add_argument("--protocol", nargs="+", choices=PROTOCOLS, default=PROTOCOLS, help="only these")
    parser.add_argument("--out", type=Path, default=PROJECT / "target" / "accuracy", help="keeps cases and results")
    parser.add_argument("--json", type=Path, help="write every target's scores there")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--device", default="auto", help="as in `prosector evaluate`")
    return parser.parse_args()


def main():
    arguments = parsed_arguments()
    out = arguments.out.resolve()
    halves = HALVES if "all" in arguments.half else arguments.half
    cards = arguments.model or [PROJECT / "weights" / "prosector1.toml"]
    models = [Model.read(card.resolve()) for card in cards]
    groups = make_groups(arguments.data.resolve(), out, halves)
    groups = [group for group in groups if not arguments.group or group.name in arguments.group]
    bench = Bench(Prosector(arguments.binary.resolve(), arguments.device), out)
    measured = bench.measure_all(groups, models, arguments.protocol, arguments.jobs)
    targets = gather(measured, models)
    quoted = [t for t in targets if t.half != "choosing"]
    chosen_on = [t for t in targets if t.half == "choosing"]
    print(f"# Accuracy of {' → '.join(map(name_of, models))}")
    if quoted:
        print_tables("Reporting patients and labelled scans", quoted, models)
        print_losses(quoted, models)
    if chosen_on:
        print_tables("Choosing patients, never quoted", chosen_on, models)
    print_costs(targets, measured, models)
    if arguments.json:
        text = {"models": [name_of(m) for m in models], "targets": [asdict(t) for t in targets]}
        arguments.json.write_text(json.dumps(text, indent=1))


if __name__ == "__main__":
    main()
