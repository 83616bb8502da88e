"""Label files of the other formats beside their peers: what Prosector writes is read by SimpleITK, pynrrd, slicerio and
nibabel, and what they write is read by Prosector. Voxels must be equal and lie at the same place; names and colours too,
where the format has them.

    pip install SimpleITK==2.5.7 pynrrd==1.1.3 slicerio==1.4.0 nibabel==5.4.2
    python benches/peers/label_files.py PROSECTOR

On an anisotropic, oblique grid. Prints a line for each check; the exit code is the number of those that failed.
"""

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import SimpleITK as sitk
import slicerio

DIMS = (31, 40, 17)
NAMES = {1: "liver", 2: "spleen", 7: "left kidney"}
PLACE_MM = 1e-3
FLIP = np.diag([-1, -1, 1, 1])


def oblique():
    angle = np.deg2rad(17)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ tilt @ np.diag([0.8, 0.9, 2.5])
    affine[:3, 3] = [-20, 33, -410]
    return affine


def drawn():
    labels = np.zeros(DIMS, np.uint8)
    places = np.indices(DIMS)
    for value, share in zip(NAMES, (0.25, 0.5, 0.75)):
        distance = sum(((x - n * share) / (n * 0.2)) ** 2 for x, n in zip(places, DIMS))
        labels[distance <= 1] = value
    return labels


class Checks:
    def __init__(self):
        self.failed = 0

    def line(self, what, passed, note=""):
        self.failed += not passed
        print(f"{what:58} {'ok' if passed else 'FAILED':8} {note}", flush=True)

    def same(self, what, read, wanted):
        """Voxels along (i, j, k) and the RAS affine."""
        (voxels, place), (labels, affine) = read, wanted
        equal = voxels.shape == labels.shape and bool((voxels == labels).all())
        near = bool(np.abs(place - affine).max() < PLACE_MM)
        self.line(what, equal and near, "" if equal and near else f"voxels {equal}, place {near}")


def by_sitk(path):
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), FLIP @ affine


def by_nrrd(path):
    voxels, header = nrrd.read(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(header["space directions"], float)[-3:].T
    affine[:3, 3] = header["space origin"]
    return voxels, FLIP @ affine if "left" in header["space"] else affine


def by_nibabel(path):
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine


def by_slicerio(path):
    found = slicerio.read_segmentation(str(path))
    place = np.asarray(found["ijkToLPS"], float)
    return np.asarray(found["voxels"]), FLIP @ place, {s["labelValue"]: s for s in found["segments"]}


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)


def ours_read_by_them(program, scan, source, wanted, work, checks):
    readers = {
        "labels.nrrd": {"SimpleITK": by_sitk, "pynrrd": by_nrrd},
        "labels.mha": {"SimpleITK": by_sitk},
        "labels.mhd": {"SimpleITK": by_sitk},
        "labels.nii": {"SimpleITK": by_sitk, "nibabel": by_nibabel},
        "labels.nii.gz": {"SimpleITK": by_sitk, "nibabel": by_nibabel},
        "labels.seg.nrrd": {"SimpleITK": by_sitk, "pynrrd": by_nrrd},
    }
    for name, peers in readers.items():
        out = work / name
        done = run(program, "labels", source, "--scan", scan, "-o", out)
        if done.returncode:
            checks.line(f"{name}: written", False, done.stderr.strip())
            continue
        for peer, read in peers.items():
            try:
                checks.same(f"{name}, ours, in {peer}", read(out), wanted)
            except Exception as error:
                checks.line(f"{name}, ours, in {peer}", False, f"{type(error).__name__}: {error}")
    voxels, place, segments = by_slicerio(work / "labels.seg.nrrd")
    checks.same("labels.seg.nrrd, ours, in slicerio", (voxels, place), wanted)
    names = {value: segment["name"] for value, segment in segments.items()}
    checks.line("labels.seg.nrrd, ours, in slicerio: names", names == NAMES, str(names))


def theirs_read_by_us(program, scan, wanted, work, checks):
    labels, affine = wanted
    image = sitk.GetImageFromArray(labels.transpose(2, 1, 0))
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    written = []
    for ending, compressed in itertools.product(("nrrd", "mha", "mhd", "nii.gz"), (False, True)):
        path = work / f"sitk_{int(compressed)}.{ending}"
        sitk.WriteImage(image, str(path), compressed)
        written.append((f"{ending}, {'compressed' if compressed else 'plain'}, SimpleITK's", path))
    header = {"space": "left-posterior-superior", "space directions": lps[:3, :3].T, "space origin": lps[:3, 3]}
    for encoding, endian in itertools.product(("raw", "gzip"), ("little", "big")):
        path = work / f"pynrrd_{encoding}_{endian}.nrrd"
        wide = labels.astype(np.uint16).astype(f"{'<' if endian == 'little' else '>'}u2")
        nrrd.write(str(path), wide, {**header, "encoding": encoding, "endian": endian})
        written.append((f"nrrd, {encoding}, {endian}, 16 bit, pynrrd's", path))
    detached = work / "pynrrd_detached.nhdr"
    nrrd.write(str(detached), labels, {**header, "encoding": "gzip"})
    written.append(("nhdr, gzip, pynrrd's", detached))
    segments = [
        {"name": name, "labelValue": value, "color": [0.1 * value, 0.5, 0.9]} for value, name in NAMES.items()
    ]
    of_slicer = work / "slicerio.seg.nrrd"
    slicerio.write_segmentation(
        str(of_slicer), {"voxels": labels, "ijkToLPS": lps, "encoding": "gzip", "segments": segments}
    )
    written.append(("seg.nrrd, slicerio's", of_slicer))
    for what, path in written:
        back = work / "back.nii.gz"
        back.unlink(missing_ok=True)
        done = run(program, "labels", path, "--scan", scan, "-o", back)
        if done.returncode:
            checks.line(f"{what}, in ours", False, done.stderr.strip())
        else:
            checks.same(f"{what}, in ours", by_nibabel(back), wanted)


def main():
    program = sys.argv[1]
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        wanted = drawn(), oblique()
        scan, source = work / "scan.nii.gz", work / "drawn.seg.nrrd"
        nib.save(nib.Nifti1Image(np.arange(np.prod(DIMS), dtype=np.int16).reshape(DIMS), wanted[1]), scan)
        segments = [
            {"name": name, "labelValue": value, "color": [0.1 * value, 0.5, 0.9]} for value, name in NAMES.items()
        ]
        slicerio.write_segmentation(
            str(source),
            {"voxels": wanted[0], "ijkToLPS": FLIP @ wanted[1], "encoding": "gzip", "segments": segments},
        )
        ours_read_by_them(program, scan, source, wanted, work, checks)
        theirs_read_by_us(program, scan, wanted, work, checks)
    sys.exit(checks.failed)


if __name__ == "__main__":
    main()
