#!/usr/bin/env python3
"""Measures where structures lie to each other, how large they are and what they look like, in the training patients.

Usage: pip install nibabel numpy scipy, then
       python3 benches/anatomy.py shared/data -o src/models/trust/anatomy

Writes the limits by which `models/trust/anatomy` tells whether a structure that the automatic path found can be what it
is taken for: a file for each body region. Validation patients of `splits.toml` are left out. `benches/automatic_negatives.py`
reports what the limits do to patients that are not measured here, and to scans of other parts of the body.
"""

import argparse
import tomllib
from itertools import combinations
from pathlib import Path

import nibabel
import numpy
from scipy import ndimage

HEAD_NECK = {1: "brainstem", 2: "spinal_cord", 3: "right_parotid", 4: "left_parotid", 5: "esophagus", 6: "larynx", 7: "mandible"}
HIPPOCAMPUS = {1: "anterior_hippocampus", 2: "posterior_hippocampus"}
# Limits are these percentiles of the training patients, widened by a share of what lies between them.
PERCENTILES = (2, 98)
WIDER = 0.35
# Contrast to the surroundings depends on where an answer's border lies: one of ten patients to choose on lost a right answer.
WIDER_CONTRAST = 0.6
# Shares of air, bone and the like, of which few patients show how much there can be.
WIDER_SHARE = 0.5
# Volumes by a factor; an answer is often smaller than the truth, and some patients are children.
VOLUME_FACTOR = (0.3, 1.7)
# Extents too: children have smaller ones.
EXTENT_FACTOR = (0.6, 1.3)
# Displacements by this much on either side, for tilted heads and answers that are cut short.
DISPLACEMENT_SLACK_MM = {"head_neck": 20.0, "hippocampus": 4.0}
BONE_HU, AIR_HU = 250, -300
SHELL_MM = (1.0, 6.0)


def world(mask, affine):
    return numpy.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]


def spacing(affine):
    return numpy.sqrt((affine[:3, :3] ** 2).sum(0))


def common(mask, affine):
    points = world(mask, affine)
    extent = numpy.ptp(points, axis=0)
    traits = {"volume_ml": mask.sum() * spacing(affine).prod() / 1000}
    traits |= {f"extent_{axis}_mm": float(e) for axis, e in zip("ras", extent)}
    return traits, points.mean(0)


def of_ct(mask, values, affine):
    traits, centre = common(mask, affine)
    inside = values[mask]
    # Airways, and what lies beyond the body or was cut away, say nothing of the tissue.
    traits |= {
        "median": float(numpy.median(inside[inside >= AIR_HU])) if (inside >= AIR_HU).any() else 0.0,
        "bone_share": float((inside > BONE_HU).mean()),
        "air_share": float((inside < AIR_HU).mean()),
    }
    return traits, centre


def of_mr(mask, values, affine):
    traits, centre = common(mask, affine)
    distance = ndimage.distance_transform_edt(~mask, sampling=spacing(affine))
    shell = values[(distance > SHELL_MM[0]) & (distance <= SHELL_MM[1])]
    inside = values[mask]
    traits["contrast"] = float((inside.mean() - shell.mean()) / shell.std())
    traits["evenness"] = float(inside.std() / shell.std())
    return traits, centre


def limits(rows):
    found = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        low, high = numpy.percentile(values, PERCENTILES)
        if name == "volume_ml":
            found[name] = (low * VOLUME_FACTOR[0], high * VOLUME_FACTOR[1])
        elif name.startswith("extent"):
            found[name] = (low * EXTENT_FACTOR[0], high * EXTENT_FACTOR[1])
        elif name.endswith("_share"):
            more = max(0.03, WIDER_SHARE * (high - low))
            found[name] = (max(low - more, 0.0), min(high + more, 1.0))
        else:
            more = (WIDER_CONTRAST if name == "contrast" else WIDER) * (high - low)
            found[name] = (low - more, high + more)
    return found


def numbers(values):
    return "[" + ", ".join(f"{v:.4g}" if abs(v) < 1000 else f"{v:.0f}" for v in values) + "]"


def described(head, whole, parts, pairs):
    lines = ["# Written by benches/anatomy.py from the training patients. Lengths in mm, volumes in ml, right, anterior and superior.", ""]
    lines += head
    if whole:
        lines += ["", "[whole]"] + [f"{name} = {numbers(pair)}" for name, pair in whole.items()]
    for name, own in parts.items():
        lines += ["", f"[structures.{name}]"] + [f"{trait} = {numbers(pair)}" for trait, pair in own.items()]
    for (a, b), (low, high) in pairs.items():
        lines += ["", "[[pairs]]", f'from = "{a}"', f'to = "{b}"', f"low_mm = {numbers(low)}", f"high_mm = {numbers(high)}"]
    return "\n".join(lines) + "\n"


def displacements(centres, names, slack, is_either_side):
    """Limits by pair; where a structure is of either side, whatever side the patients showed."""
    pairs = {}
    for a, b in combinations(names, 2):
        rows = [c[b] - c[a] for c in centres if a in c and b in c]
        if len(rows) >= 5:
            low, high = numpy.percentile(rows, PERCENTILES, axis=0)
            if is_either_side:
                high[0] = max(-low[0], high[0])
                low[0] = -high[0]
            pairs[a, b] = (low - slack, high + slack)
    return pairs


def patients(data, name, validation):
    if name == "head_neck":
        for scan in sorted((data / "train/head_neck").glob("*_ct.nii.gz")):
            if scan.name.removesuffix("_ct.nii.gz") not in validation:
                yield scan, Path(str(scan).replace("_ct.", "_oar."))
    else:
        for scan in sorted((data / "train/hippocampus/images").glob("*.nii.gz")):
            if scan.name.removesuffix(".nii.gz") not in validation:
                yield scan, data / "train/hippocampus/labels" / scan.name


def measured(data, name, names, measure, validation):
    parts, wholes, centres = {n: [] for n in names.values()}, [], []
    for scan, truth in patients(data, name, validation):
        image = nibabel.load(scan)
        values = numpy.asarray(image.dataobj).astype(float)
        labels = numpy.asarray(nibabel.load(truth).dataobj).astype(int)
        own = {}
        for value, structure in names.items():
            if (labels == value).any():
                traits, own[structure] = measure(labels == value, values, image.affine)
                parts[structure].append(traits)
        centres.append(own)
        wholes.append(measure(labels > 0, values, image.affine)[0])
    return {n: limits(rows) for n, rows in parts.items()}, limits(wholes), centres


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    splits = tomllib.loads((arguments.data / "splits.toml").read_text())
    regions = {
        "head_neck": (HEAD_NECK, of_ct, ['modality = "ct"', "apart = false", "least_members = 3"]),
        "hippocampus": (HIPPOCAMPUS, of_mr, ['modality = "mr"', "apart = true", "least_members = 2"]),
    }
    for name, (names, measure, head) in regions.items():
        parts, whole, centres = measured(arguments.data, name, names, measure, splits[name]["validation"])
        is_apart = "apart = true" in head
        pairs = displacements(centres, names.values(), DISPLACEMENT_SLACK_MM[name], is_apart)
        # Organs that lie all over a region say nothing together that each does not say alone.
        whole = whole if is_apart else {}
        (arguments.output / f"{name}.toml").write_text(described(head, whole, parts, pairs))


if __name__ == "__main__":
    main()
