#!/usr/bin/env python3
"""Converts every readable shared NIfTI file with the built program and compares what nibabel and SimpleITK read
from the results with what nibabel reads from the originals.

Usage: pip install nibabel SimpleITK, then: python3 tests/check_written_nifti.py target/release/prosector ../shared
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK

from make_nifti_expectations import load, values_of


def itk_affine(image):
    """RAS millimetres from voxels, from ITK's LPS."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ affine


def corner_error_mm(a, b, dims):
    corners = np.array([[i, j, k, 1] for i in (0, dims[0] - 1) for j in (0, dims[1] - 1) for k in (0, dims[2] - 1)])
    return np.abs((a - b) @ corners.T).max()


def problems(program, source, frame, folder):
    """What differs between the original and the converted file, as texts."""
    written = Path(folder) / "converted.nii.gz"
    command = [program, "convert", source, "-o", written, "--frame", str(frame)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [f"convert: {done.stderr.strip()}"]
    original = load(source)
    expected = values_of(original)[..., frame]
    found = []
    image = nibabel.load(written)
    if not np.array_equal(values_of(image)[..., 0], expected, equal_nan=True):
        found.append("nibabel reads other values")
    if (error := corner_error_mm(image.affine, original.affine, expected.shape)) > 1e-3:
        found.append(f"nibabel's affine is off by {error} mm")
    try:
        image = SimpleITK.ReadImage(str(written))
    except RuntimeError as e:
        sheared = "orthonormal" in str(e)
        return found + ([] if sheared else [f"SimpleITK: {e}"])
    values = SimpleITK.GetArrayFromImage(image).T.reshape(expected.shape).astype(np.float64)
    # ITK reads 0 where a file has NaN or infinity.
    finite = np.isfinite(expected)
    if not np.allclose(values[finite], expected[finite], rtol=1e-6):
        found.append("SimpleITK reads other values")
    if (error := corner_error_mm(itk_affine(image), original.affine, expected.shape)) > 1e-2:
        found.append(f"SimpleITK's affine is off by {error} mm")
    return found


def main():
    program, shared = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    expectations = json.loads((Path(__file__).parent / "data" / "nifti_expectations.json").read_text())
    readable = [e for e in expectations if "refused" not in e]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for entry in readable:
            for values in entry["values"]:
                found = problems(program, shared / "data" / entry["path"], values["frame"], folder)
                failed += bool(found)
                for problem in found:
                    print(f"{entry['path']} frame {values['frame']}: {problem}")
    print(f"{len(readable)} files, {failed} wrong")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
