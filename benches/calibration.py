#!/usr/bin/env python3
"""Draws the Dice that a model predicted against the true one, and prints the mean absolute errors.

Usage: pip install matplotlib, then
       prosector evaluate --cases CASES.toml --protocol box --json > box.json
       prosector evaluate --cases CASES.toml --protocol clicks --json > clicks.json
       python3 benches/calibration.py box.json clicks.json -o calibration.png

With `--before` the same cases by a model that is not calibrated (a card without its .trust.toml) stand beside them.
The constant guess is the mean of the true Dice, which nobody knows beforehand. Groups are the cases' domains.
"""

import argparse
import json
import statistics
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


def answers(paths):
    """(group, predicted, true) of every answer, by file name, case, label and step; those without a prediction left out."""
    found = {}
    for path in paths:
        for row in json.loads(path.read_text())["cases"]:
            for step in row["steps"] or [row]:
                key = (path.name, row["id"], row["label"], step.get("step"))
                if step.get("predicted_dice") is not None:
                    found[key] = (row["domain"] or path.stem, step["predicted_dice"], step["dice"])
    return found


def mean_absolute_error(pairs):
    return statistics.fmean(abs(predicted - true) for predicted, true in pairs)


def table(after, before):
    """Lines of group, answers, mean true Dice and errors; the last one is of all."""
    groups = sorted({group for group, *_ in after.values()})
    yield f"{'':<24} {'answers':>7} {'dice':>6} {'error':>6} {'before':>6} {'constant':>8}"
    for group in [*groups, None]:
        keys = [key for key, answer in after.items() if group in (None, answer[0])]
        pairs = [after[key][1:] for key in keys]
        earlier = [before[key][1:] for key in keys if key in before]
        mean = statistics.fmean(true for _, true in pairs)
        constant = mean_absolute_error([(mean, true) for _, true in pairs])
        was = f"{mean_absolute_error(earlier):6.3f}" if earlier else f"{'-':>6}"
        name = group or "all"
        yield f"{name:<24} {len(pairs):7} {mean:6.3f} {mean_absolute_error(pairs):6.3f} {was} {constant:8.3f}"


def plot(after, before, path):
    """Predicted against true, a colour for each group; what was predicted before calibration to the left."""
    panels = [("before", before), ("calibrated", after)] if before else [("calibrated", after)]
    figure, axes = pyplot.subplots(1, len(panels), figsize=(5.5 * len(panels), 5.5), squeeze=False)
    for axis, (title, found) in zip(axes[0], panels):
        axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        for group in sorted({group for group, *_ in found.values()}):
            pairs = [answer[1:] for answer in found.values() if answer[0] == group]
            axis.scatter(*zip(*pairs), s=9, alpha=0.5, label=group)
        error = mean_absolute_error([answer[1:] for answer in found.values()])
        axis.set(title=f"{title}, mean absolute error {error:.3f}", xlim=(0, 1), ylim=(0, 1))
        axis.set(xlabel="predicted Dice", ylabel="true Dice", aspect="equal")
    axes[0][-1].legend(fontsize=7, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("after", type=Path, nargs="+", help="what `prosector evaluate --json` printed")
    parser.add_argument("--before", type=Path, nargs="*", default=[], help="the same, named alike, without calibration")
    parser.add_argument("-o", "--output", type=Path, help="the picture to draw (.png)")
    arguments = parser.parse_args()
    after, before = answers(arguments.after), answers(arguments.before)
    for line in table(after, before):
        print(line)
    if arguments.output:
        plot(after, before, arguments.output)


if __name__ == "__main__":
    main()
