#!/usr/bin/env python3
"""Writes the case files that the model's quoted figures are measured on, for `prosector evaluate --cases`.

Usage: pip install nibabel numpy pynrrd scipy, then
       python3 benches/make_validation.py DATA OUT
       prosector evaluate --cases OUT/reporting/head_neck.toml --protocol auto
       prosector evaluate --cases OUT/labelled/abdomen.toml --protocol box --loosen 15
       prosector models calibrate weights/prosector1.toml --cases OUT/choosing/*.toml --known OUT/known/*.toml

DATA holds `train` and `labelled`. The cases are the validation patients of assets/splits.toml, those to choose on in
OUT/choosing and those to report on in OUT/reporting, and the labelled single scans in OUT/labelled; a file each group.
In OUT/known are some of the training patients, by which a model tells what it has seen the like of.
Scans are used where they lie; what has to be made, such as crops and unions of labels, goes to OUT/volumes.
"""

import argparse
import tomllib
from pathlib import Path

from validation import labelled, patients
from validation.cases import Group

SPLITS = Path(__file__).parent.parent / "assets" / "splits.toml"
PATIENT_HALVES = ("reporting", "choosing")
HALVES = ("labelled", *PATIENT_HALVES)
KNOWN = "known"
MOST_KNOWN = 12


def make_groups(data, out, halves=HALVES):
    """The groups of these halves, in this order; makes the volumes that they need, and writes their case files."""
    groups = []
    for half in halves:
        found = _labelled(data, out) if half == "labelled" else _patients(half, data, out)
        groups += [group for group in found if group.cases]
    for group in groups:
        group.write(case_file(out, group))
    return groups


def case_file(out, group):
    """Where the cases of a group are."""
    return out / group.half / f"{group.name}.toml"


def _labelled(data, out):
    for name, cases in labelled.GROUPS.items():
        written = _folder(out / "volumes" / name)
        yield Group("labelled", name, list(cases(data / "labelled", written)))


def _patients(half, data, out):
    splits = _read_splits()
    for name, (data_set, cases) in patients.GROUPS.items():
        written = _folder(out / "volumes" / name)
        if half == KNOWN:
            validation = splits[data_set]["validation"]
            of_half = patients.training(data / "train", data_set, validation, MOST_KNOWN)
        else:
            of_half = splits[data_set][half]
        yield Group(half, name, list(cases(data / "train" / data_set, written, of_half)))


def _folder(path):
    path.mkdir(parents=True, exist_ok=True)
    return path


def _read_splits():
    """The splits file, in which the two halves must be the validation patients, each in one half."""
    with open(SPLITS, "rb") as file:
        splits = tomllib.load(file)
    for data_set, split in splits.items():
        halves = [patient for half in PATIENT_HALVES for patient in split[half]]
        if sorted(halves) != sorted(split["validation"]):
            raise SystemExit(f"{SPLITS}: the halves of {data_set} are not its validation patients")
    return splits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder with `train` and `labelled`")
    parser.add_argument("out", type=Path, help="the folder to write to, outside the project")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    for group in make_groups(arguments.data.resolve(), out, (*HALVES, KNOWN)):
        print(f"{case_file(out, group)}: {len(group.cases)} cases")


if __name__ == "__main__":
    main()
