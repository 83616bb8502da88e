#!/usr/bin/env python3
"""How well `prosector register` brings back a scan that was displaced by a known rigid transform.

    benches/registration.py target/release/prosector ../shared/data/train/sarcoma [--cases 20]

For each case the MR of a patient is displaced (its affine only, up to 20 mm and 10 degrees, seeded) and registered to the CT of
the same patient. Two errors are told, at the corners of the box around the tumour, in mm, at most:

- displaced: against the registration of the MR that was not displaced. This is what the displacement did to the result.
- header: against where the files say that the MR lies. The MR was taken on another day, in another position, and the files hold
  no better alignment than what the data's authors chose; `information` tells how the two compare (of header and result, higher
  means that one scan says more of the other).

Needs numpy and nibabel.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import nibabel
import numpy

MOST_MM, MOST_DEG, WITHIN_MM = 20.0, 10.0, 2.0


def displacement(rng, centre):
    axis = rng.normal(size=3)
    axis /= numpy.linalg.norm(axis)
    angle = numpy.deg2rad(rng.uniform(0, MOST_DEG))
    shift = rng.normal(size=3)
    shift *= rng.uniform(0, MOST_MM) / numpy.linalg.norm(shift)
    cross = numpy.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation = numpy.eye(3) + numpy.sin(angle) * cross + (1 - numpy.cos(angle)) * cross @ cross
    moved = numpy.eye(4)
    moved[:3, :3] = rotation
    moved[:3, 3] = centre - rotation @ centre + shift
    return moved, numpy.rad2deg(angle), numpy.linalg.norm(shift)


def register(program, fixed, moving, folder):
    command = [program, "register", fixed, moving, "-o", folder / "map.tfm", "--json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def corners(mask, affine):
    voxels = numpy.argwhere(mask > 0)
    ends = voxels.min(0), voxels.max(0)
    places = [[ends[n >> d & 1][d] for d in range(3)] + [1] for n in range(8)]
    return affine @ numpy.array(places).T


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("sarcoma", type=Path)
    parser.add_argument("--cases", type=int, default=20)
    args = parser.parse_args()
    program = args.program.resolve()
    names = ["CT_image", "MR_T1_image", "MR_T1_mask"]
    patients = [p for p in sorted(args.sarcoma.iterdir()) if all((p / f"{n}.nii.gz").exists() for n in names)]
    rest, errors = {}, []
    print("patient  degrees     mm  displaced  header  information header -> result  seconds")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for case in range(args.cases):
            patient = patients[case % len(patients)]
            fixed, mr = patient / "CT_image.nii.gz", patient / "MR_T1_image.nii.gz"
            image = nibabel.load(mr)
            mask = numpy.asarray(nibabel.load(patient / "MR_T1_mask.nii.gz").dataobj)
            tumour = corners(mask, image.affine)
            if patient not in rest:
                rest[patient] = register(program, fixed, mr, scratch)
            still = rest[patient]
            centre = (image.affine @ numpy.append((numpy.array(image.shape[:3]) - 1) / 2, 1))[:3]
            moved, degrees, mm = displacement(numpy.random.default_rng(case), centre)
            displaced = scratch / "moving.nii"
            nibabel.save(nibabel.Nifti1Image(numpy.asarray(image.dataobj), moved @ image.affine), displaced)
            found = register(program, fixed, displaced, scratch)
            there = numpy.array(found["fixed_from_moving"]) @ moved @ tumour
            wanted = numpy.array(still["fixed_from_moving"]) @ tumour
            error = numpy.linalg.norm((there - wanted)[:3], axis=0).max()
            header = numpy.linalg.norm((there - tumour)[:3], axis=0).max()
            errors.append(error)
            before, after = still["information_before"], found["information"]
            print(
                f"{patient.name}  {degrees:7.1f}  {mm:5.1f}  {error:9.2f}  {header:6.2f}  "
                f"{before:18.4f} -> {after:.4f}  {found['seconds']:7.1f}",
                flush=True,
            )
    within = sum(error <= WITHIN_MM for error in errors)
    print(f"{within} of {len(errors)} within {WITHIN_MM:g} mm of the registration without displacement")


if __name__ == "__main__":
    main()
