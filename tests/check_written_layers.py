#!/usr/bin/env python3
"""Gives the built program segmentations whose segments overlap, made with pynrrd as 3D Slicer stores them, and compares
what pynrrd reads from the results, layer by layer.

Usage: pip install pynrrd nibabel, then: python3 tests/check_written_layers.py target/release/prosector
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import nrrd
import numpy as np

DIMS = (9, 7, 5)
DIRECTIONS = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 3.0]])
ORIGIN = np.array([-31.0, 12.5, 104.0])


def made(layers, dtype, seed):
    """Random layers of three labels each; values are distinct over all."""
    random = np.random.default_rng(seed)
    voxels = np.zeros((layers, *DIMS), dtype)
    for layer in range(layers):
        voxels[layer] = random.integers(0, 4, DIMS)
        voxels[layer][voxels[layer] > 0] += layer * 100
    return voxels


def header(voxels):
    fields = {
        "space": "left-posterior-superior",
        "kinds": ["list", "domain", "domain", "domain"],
        "space directions": np.vstack([[np.nan] * 3, DIRECTIONS]),
        "space origin": ORIGIN,
        "encoding": "gzip",
    }
    number = 0
    for layer, stored in enumerate(voxels):
        for value in np.unique(stored[stored > 0]):
            fields[f"Segment{number}_ID"] = f"Segment_{number}"
            fields[f"Segment{number}_Name"] = f"of layer {layer} value {value}"
            fields[f"Segment{number}_LabelValue"] = str(value)
            fields[f"Segment{number}_Layer"] = str(layer)
            number += 1
    return fields


def named(voxels, fields):
    """The voxels of each segment by its name."""
    segments = {}
    number = 0
    while f"Segment{number}_ID" in fields:
        get = lambda key: fields[f"Segment{number}_{key}"]
        segments[get("Name")] = voxels[int(get("Layer"))] == int(get("LabelValue"))
        number += 1
    return segments


def problems(program, folder, layers, dtype):
    voxels = made(layers, dtype, seed=layers)
    scan, source, result = folder / "scan.nii", folder / "in.seg.nrrd", folder / "out.seg.nrrd"
    affine = np.eye(4)
    affine[:3, :3] = (DIRECTIONS * [-1, -1, 1]).T
    affine[:3, 3] = ORIGIN * [-1, -1, 1]
    nibabel.save(nibabel.Nifti1Image(np.zeros(DIMS, np.int16), affine), scan)
    nrrd.write(str(source), voxels, header(voxels))
    command = [program, "edit", scan, "--labels", source, "-o", result, "--do", "clear label=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [done.stderr.strip()]
    found = []
    read, fields = nrrd.read(str(result))
    expected = {name: mask for name, mask in named(voxels, header(voxels)).items()}
    expected["of layer 0 value 1"][:] = False
    segments = named(read, fields)
    if set(segments) != set(expected):
        found.append(f"segments {sorted(segments)}")
    found += [f"{name}: other voxels" for name in expected if not np.array_equal(segments.get(name), expected[name])]
    if not np.allclose(fields["space directions"][1:], DIRECTIONS) or not np.allclose(fields["space origin"], ORIGIN):
        found.append("it lies elsewhere")
    return found


def main():
    program = Path(sys.argv[1]).resolve()
    failed = 0
    for layers, dtype in [(2, np.uint8), (3, np.uint16), (5, np.uint16)]:
        with tempfile.TemporaryDirectory() as folder:
            for problem in problems(program, Path(folder), layers, dtype):
                print(f"{layers} layers of {dtype.__name__}: {problem}")
                failed += 1
    print("all layers are as pynrrd reads them" if failed == 0 else f"{failed} problems")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
