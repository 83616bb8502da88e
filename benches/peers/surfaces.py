"""Surfaces of labels in other programs: closed, outward, where the voxels are, and of their volume.

    pip install trimesh==5.2.0 numpy-stl==4.1.1 pygltflib==1.16.5 meshio==5.3.5 nibabel
    python benches/peers/surfaces.py PROSECTOR

Draws a ball on an anisotropic grid, has `labels` write it in every format and both frames, and opens each file. Prints the
volume of the mesh as a part of the voxels'; the exit code is the number of files that are not as they should be.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import meshio
import nibabel as nib
import numpy as np
import pygltflib
import stl
import trimesh

RADIUS_MM = 20
CENTRE = np.array([30, 28, 10])
AFFINE = np.array([[1, 0, 0, -20], [0, 1, 0, 10], [0, 0, 2.5, 5], [0, 0, 0, 1.0]])
VOLUME_TOLERANCE = 0.01


def save(folder):
    """The scan and its labels; gives the volume of the labels in mm3."""
    voxels = np.indices((60, 60, 20)) - CENTRE[:, None, None, None]
    squared = (voxels[0] ** 2) + (voxels[1] ** 2) + (voxels[2] * 2.5) ** 2
    labels = (squared <= RADIUS_MM**2).astype(np.uint8)
    nib.save(nib.Nifti1Image(labels, AFFINE), folder / "labels.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros(labels.shape, np.int16), AFFINE), folder / "scan.nii.gz")
    return labels.sum() * 2.5


def main(program):
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        voxels_mm3 = save(folder)
        for ending in ("stl", "obj", "ply", "glb"):
            for space, turn in (("ras", 1), ("lps", -1)):
                path = folder / f"{space}.{ending}"
                arguments = ["labels", folder / "labels.nii.gz", "--scan", folder / "scan.nii.gz", "-o", path]
                subprocess.run([program, *map(str, arguments), "--space", space], check=True, capture_output=True)
                mesh = trimesh.load(path, force="mesh")
                share = mesh.volume / voxels_mm3
                centre = (AFFINE @ [*CENTRE, 1])[:3] * [turn, turn, 1]
                is_right = (
                    mesh.is_watertight
                    and mesh.is_winding_consistent
                    and abs(share - 1) < VOLUME_TOLERANCE
                    and np.allclose(mesh.centroid, centre, atol=0.1)
                )
                wrong += not is_right
                print(f"{path.name:8} volume {share:.4f} of the voxels', watertight {mesh.is_watertight}")
        volume = stl.mesh.Mesh.from_file(str(folder / "ras.stl")).get_mass_properties()[0]
        names = [node.name for node in pygltflib.GLTF2().load(str(folder / "ras.glb")).nodes]
        points = len(meshio.read(folder / "ras.ply").points)
        print(f"numpy-stl {volume / voxels_mm3:.4f}, pygltflib {names}, meshio {points} points")
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
