#!/usr/bin/env python3
"""Domain generalisation, DeSAM's question: a decoder learns sarcomas in one kind of scan and is asked in the others.

Usage: pip install nibabel numpy pynrrd scipy, then
       python3 benches/domains.py ../shared/data OUT --slices 6000
       python3 benches/domains.py ../shared/data OUT --loosen 15      by the same models, if they are still there

Each row is one `prosector train` on CT, MR or PET of the training patients by assets/train/desam_sarcoma.toml (masks decoupled
from the prompt) or sam_sarcoma.toml (SAM's own decoder), and one `prosector evaluate --protocol box --by domain` on the
validation patients. All trainings see about as many slices. All scans are cropped by random margins (see make_validation.py).
The first row is what looks at nothing, the ellipsoid drawn into the box.

What was trained and measured is kept in OUT, and not done again. CPU time and peak memory are those of the training.
"""

import argparse
import json
import os
import subprocess
import tomllib
from pathlib import Path
from statistics import fmean

import nibabel
import numpy
from validation import ellipsoid, patients
from validation.prosector import Prosector

PROJECT = Path(__file__).resolve().parent.parent
SPLITS = PROJECT / "assets" / "splits.toml"
DECODERS = {"desam": "DeSAM, decoupled", "sam": "SAM, coupled"}
DOMAINS = {"ct": "CT", "mr": "MR T1", "pet": "PET"}


def replaced(text, values):
    """A recipe with other values of keys, each given by its section ('' before the first)."""
    section, lines = "", []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        key = line.partition(" = ")[0]
        value = values.get((section, key))
        lines.append(line if value is None else f"{key} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def cases_of(data, written, of):
    """The cases of these patients, each cropped by margins of its own, the kind of scan being the domain."""
    written.mkdir(parents=True, exist_ok=True)
    return list(patients.sarcoma(data / "train" / "sarcoma", written, of))


def recipe_of(decoder, domain, training, out, slices):
    """A recipe on the first crop of each training patient's scan of this kind, for so many slices."""
    suffix = f"_{domain}_1"
    first = [case for case in training if case.id.endswith(suffix)]
    masks = [numpy.asanyarray(nibabel.load(case.truth).dataobj) > 0 for case in first]
    labelled = sum(int(mask.any(axis=(0, 1)).sum()) for mask in masks)
    name = f"{decoder}-sarcoma-{domain}"
    values = {
        ("", "splits"): str(SPLITS),
        ("checkpoints", "folder"): str(out / "checkpoints" / name),
        ("model", "id"): name,
        ("model", "title"): f"{DECODERS[decoder]} (sarcoma in {DOMAINS[domain]}, random encoder)",
        ("dataset", "folder"): str(first[0].image.parent),
        ("dataset", "image"): f"{suffix}.nii.gz",
        ("dataset", "labels"): f"{{}}{suffix}_truth.nii.gz",
        ("dataset", "modality"): domain,
        ("schedule", "epochs"): max(1, round(slices / labelled)),
    }
    return name, replaced((PROJECT / "assets" / "train" / f"{decoder}_sarcoma.toml").read_text(), values)


def train(binary, name, recipe, out):
    """Trains a model that is not there yet; what it cost."""
    costs = out / f"{name}.costs.json"
    if not costs.exists():
        path = out / f"{name}.toml"
        path.write_text(recipe)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([binary, "train", path, "--device", "cpu"], **quiet)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"prosector train {path} failed")
        cost = {"cpu_minutes": (usage.ru_utime + usage.ru_stime) / 60, "memory_mb": usage.ru_maxrss * 1024 / 1e6}
        costs.write_text(json.dumps(cost))
    return json.loads(costs.read_text())


def dice_of(binary, name, cases, loosen, out):
    """Mean Dice by domain."""
    kept = out / f"{name}.{loosen}.json"
    if not kept.exists():
        command = [binary, "evaluate", "--cases", cases, "--protocol", "box", "--loosen", str(loosen), "--by", "domain"]
        command += ["--model", name, "--device", "cpu", "--json"]
        kept.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    groups = json.loads(kept.read_text())["groups"]
    return {domain: groups[domain]["dice"] for domain in DOMAINS}


def print_row(title, source, dice, cost=None):
    cells = [f"**{dice[d]:.3f}**" if d == source else f"{dice[d]:.3f}" for d in DOMAINS]
    cells += [f"{cost['cpu_minutes']:.1f} min", f"{cost['memory_mb']:.0f} MB"] if cost else ["", ""]
    print(f"| {title} | {DOMAINS.get(source, '')} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder with `train`")
    parser.add_argument("out", type=Path, help="the folder to write to, outside the project")
    parser.add_argument("--slices", type=int, default=6000, help="slices that each training sees, all epochs together")
    parser.add_argument("--loosen", type=int, default=0, help="percent, as in `prosector evaluate`")
    parser.add_argument("--binary", type=Path, default=PROJECT / "target" / "release" / "prosector")
    arguments = parser.parse_args()
    data, out, binary = (path.resolve() for path in (arguments.data, arguments.out, arguments.binary))
    os.environ["PROSECTOR_MODELS"] = str(out / "models")
    held_out = tomllib.loads(SPLITS.read_text())["sarcoma"]["validation"]
    training = cases_of(data, out / "training", patients.training(data / "train", "sarcoma", held_out, 1000))
    validation = cases_of(data, out / "validation", held_out)
    file = out / "validation.toml"
    file.write_text("\n".join(case.toml(out, case.modality) for case in validation))
    rows = ellipsoid.measure(Prosector(binary, "cpu"), validation, arguments.loosen)
    blind = {domain: fmean(row["dice"] for row in rows if row["modality"] == domain) for domain in DOMAINS}
    counts = {domain: len({case.patient for case in validation if case.modality == domain}) for domain in DOMAINS}
    print("| decoder | learnt in | " + " | ".join(f"{DOMAINS[d]} ({n})" for d, n in counts.items()) + " | CPU time | peak memory |")
    print("|---|---|" + "---|" * (len(DOMAINS) + 2))
    print_row("ellipsoid in the box", None, blind)
    for domain in DOMAINS:
        for decoder, title in DECODERS.items():
            name, recipe = recipe_of(decoder, domain, training, out, arguments.slices)
            cost = train(binary, name, recipe, out)
            print_row(title, domain, dice_of(binary, name, file, arguments.loosen, out), cost)


if __name__ == "__main__":
    main()
