#!/usr/bin/env python3
"""Writes the case files that the model's quoted figures are measured on, for `prosector evaluate --cases`.

Usage: pip install nibabel numpy, then
       python3 benches/make_validation.py DATA/train OUT
       prosector evaluate --cases OUT/head_neck.toml --protocol auto
       prosector evaluate --cases OUT/hippocampus.toml --protocol auto
       prosector evaluate --cases OUT/sarcoma.toml --protocol box --by modality

The cases are the validation patients of assets/splits.toml. Head-neck and hippocampus scans are used where they
lie. The sarcoma scans are cropped evenly around the tumour, which gives its place away; so each is cropped again
at random, unequal margins around the tumour's box (always the same ones) and written to OUT with its new affine.
"""

import argparse
import os
import random
import tomllib
from pathlib import Path

import nibabel
import numpy

MARGIN_MM = (5.0, 40.0)
SEED = 20260101
ORGANS = {
    1: "brainstem",
    2: "spinal_cord",
    3: "right_parotid",
    4: "left_parotid",
    5: "esophagus",
    6: "larynx",
    7: "mandible",
}
HIPPOCAMPUS = {1: "anterior_hippocampus", 2: "posterior_hippocampus"}
SARCOMA = {1: "sarcoma"}
SARCOMA_SCANS = {"CT": "ct", "MR_T1": "mr", "PET": "pet"}


def case(out, name, image, truth, modality, domain, labels, absent_is_unknown=False):
    """One [[case]] with paths relative to OUT."""
    relative = lambda path: Path(os.path.relpath(path, out)).as_posix()
    names = ", ".join(f'{value} = "{label}"' for value, label in labels.items())
    lines = [
        "[[case]]",
        f'id = "{name}"',
        f'image = "{relative(image)}"',
        f'truth = "{relative(truth)}"',
        f'modality = "{modality}"',
        f'domain = "{domain}"',
        f"labels = {{ {names} }}",
    ]
    if absent_is_unknown:
        lines.append("absent_is_unknown = true")
    return "\n".join(lines) + "\n"


def head_neck(data, out, patients):
    """Organs not contoured in a patient are unknown there."""
    folder = data / "head_neck"
    for patient in patients:
        image, truth = folder / f"{patient}_ct.nii.gz", folder / f"{patient}_oar.nii.gz"
        yield case(out, patient, image, truth, "ct", "openkbp", ORGANS, absent_is_unknown=True)


def hippocampus(data, out, patients):
    folder = data / "hippocampus"
    for patient in patients:
        image, truth = folder / "images" / f"{patient}.nii.gz", folder / "labels" / f"{patient}.nii.gz"
        yield case(out, patient, image, truth, "mr", "msd", HIPPOCAMPUS)


def random_crop(mask, rng):
    """Slices of the mask's box with a margin of its own on each face, within the scan."""
    spacing_mm = mask.header.get_zooms()[:3]
    inside = numpy.nonzero(numpy.asanyarray(mask.dataobj))
    crop = []
    for axis in range(3):
        margins = [round(rng.uniform(*MARGIN_MM) / spacing_mm[axis]) for _ in range(2)]
        first = max(int(inside[axis].min()) - margins[0], 0)
        last = min(int(inside[axis].max()) + margins[1], mask.shape[axis] - 1)
        crop.append(slice(first, last + 1))
    return tuple(crop)


def sarcoma(data, out, patients, crops):
    scans = out / "sarcoma"
    scans.mkdir(exist_ok=True)
    for patient in patients:
        for kind, modality in SARCOMA_SCANS.items():
            image_path = data / "sarcoma" / patient / f"{kind}_image.nii.gz"
            if not image_path.exists():
                continue
            image = nibabel.load(image_path)
            mask = nibabel.load(image_path.with_name(f"{kind}_mask.nii.gz"))
            for n in range(crops):
                name = f"{patient}_{modality}_{n + 1}"
                crop = random_crop(mask, random.Random(f"{SEED} {name}"))
                paths = scans / f"{name}.nii.gz", scans / f"{name}_truth.nii.gz"
                for volume, path in zip((image, mask), paths):
                    # The slicer moves the affine's origin along.
                    nibabel.save(volume.slicer[crop], path)
                yield case(out, name, *paths, modality, f"sarcoma-{modality}", SARCOMA)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the training data, by data set")
    parser.add_argument("out", type=Path, help="the folder to write to, outside the project")
    parser.add_argument("--crops", type=int, default=3, help="crops of each sarcoma scan")
    arguments = parser.parse_args()
    splits = Path(__file__).parent.parent / "assets" / "splits.toml"
    with open(splits, "rb") as file:
        split = {name: part["validation"] for name, part in tomllib.load(file).items()}
    data, out = arguments.data.resolve(), arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "head_neck": head_neck(data, out, split["head_neck"]),
        "hippocampus": hippocampus(data, out, split["hippocampus"]),
        "sarcoma": sarcoma(data, out, split["sarcoma"], arguments.crops),
    }
    for name, cases in files.items():
        cases = list(cases)
        (out / f"{name}.toml").write_text("\n".join(cases))
        print(f"{out / name}.toml: {len(cases)} cases")


if __name__ == "__main__":
    main()
