"""DICOM RTSTRUCT beside its peers: contours that Prosector writes are filled by plastimatch and dcmrtstruct2nii, and contours
of others by Prosector and plastimatch.

    apt install plastimatch; pip install dcmrtstruct2nii==5 SimpleITK nibabel
    python benches/peers/dicom_rtstruct.py PROSECTOR SERIES[=RTSTRUCT] ..

SERIES is a folder of one DICOM image series, RTSTRUCT a structure set of it; without one, balls are drawn. Prints the Dice of
each peer with Prosector's voxels, label by label the lowest; voxels are compared by place, as plastimatch may choose its own
grid. The exit code is the number of those below 0.99.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk

LOWEST = 0.99

# dcmrtstruct2nii 5 calls it by the name that pydicom 3 dropped.
pydicom.read_file = pydicom.dcmread


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)


def drawn(dims):
    """Balls with the values 1 and 2, the second with a hole, and pixels that touch at a corner."""
    labels = np.zeros(dims, np.uint8)
    i, j, k = np.indices(dims)
    for value, centre in ((1, 0.3), (2, 0.65)):
        distance = sum(((x - n * centre) / max(n * 0.22, 0.6)) ** 2 for x, n in zip((i, j, k), dims))
        labels[distance <= 1] = value
        if value == 2:
            labels[distance <= 0.1] = 0
    labels[2, 2], labels[3, 3] = 1, 1
    return labels


def dice(path, ours):
    """The Dice of a mask with ours, at our voxels' places."""
    theirs = sitk.Resample(sitk.ReadImage(str(path)), ours, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    a, b = (sitk.GetArrayFromImage(image) > 0 for image in (theirs, ours))
    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)


def mask_of(image, value):
    return sitk.Cast(image == value, sitk.sitkUInt8)


def compare(program, series, contours, work):
    labels = work / "filled.nii.gz"
    done = run(program, "labels", contours, "--scan", series, "-o", labels, "--json")
    if done.returncode:
        return [("Prosector reads", done.stderr.strip()[-150:], 0.0)]
    named = {label["name"]: label["value"] for label in json.loads(done.stdout)["labels"]}
    ours = sitk.ReadImage(str(labels))
    rows = []
    prefix = work / "plastimatch"
    run("plastimatch", "convert", "--input", contours, "--referenced-ct", series, "--output-prefix", prefix,
        "--prefix-format", "nrrd")
    theirs = {path.stem: path for path in prefix.glob("*.nrrd")}
    values = [dice(theirs[name], mask_of(ours, value)) for name, value in named.items() if name in theirs]
    rows.append(("plastimatch", f"{len(values)} of {len(named)} labels", min(values, default=0.0)))
    try:
        from dcmrtstruct2nii import dcmrtstruct2nii

        folder = work / "dcmrtstruct2nii"
        dcmrtstruct2nii(str(contours), str(series), str(folder), convert_original_dicom=False)
        values = []
        for name, value in named.items():
            path = folder / f"mask_{name}.nii.gz"
            if path.exists():
                values.append(dice(path, mask_of(ours, value)))
        rows.append(("dcmrtstruct2nii", f"{len(values)} of {len(named)} labels", min(values, default=0.0)))
    except Exception as error:
        rows.append(("dcmrtstruct2nii", f"{type(error).__name__}: {error}"[:120], 0.0))
    return rows


def written(program, series, source, work):
    """A structure set of ours: of balls, or of what another one has."""
    if source is None:
        info = json.loads(run(program, "info", series, "--json").stdout)
        source = work / "drawn.nii.gz"
        nib.save(nib.Nifti1Image(drawn(info["dims"]), np.array(info["affine"])), source)
    out = work / "ours.dcm"
    done = run(program, "labels", source, "--scan", series, "-o", out, "--as", "rtstruct")
    back = work / "back.nii.gz"
    first = work / "first.nii.gz"
    run(program, "labels", source, "--scan", series, "-o", first)
    run(program, "labels", out, "--scan", series, "-o", back)
    if done.returncode:
        return None, 0.0, f"refused: {done.stderr.strip()[-120:]}"
    same = np.array_equal(nib.load(first).dataobj, nib.load(back).dataobj)
    return out, 1.0 if same else 0.0, "voxels equal" if same else "voxels differ"


def main():
    program, *cases = sys.argv[1:]
    failed = 0
    for case in cases:
        series, _, contours = case.partition("=")
        series, contours = Path(series), Path(contours) if contours else None
        with tempfile.TemporaryDirectory() as work:
            work = Path(work)
            ours, same, note = written(program, series, contours, work)
            rows = [("written, Prosector", note, same)]
            if ours:
                rows += [(f"written, {who}", note, value) for who, note, value in compare(program, series, ours, work)]
        if contours:
            with tempfile.TemporaryDirectory() as work:
                found = compare(program, series, contours, Path(work))
            rows += [(f"read, {who}", note, value) for who, note, value in found]
        for who, note, value in rows:
            failed += value < LOWEST
            print(f"{'/'.join(series.parts[-3:]):40} {who:28} Dice {value:.4f}  {note}", flush=True)
    sys.exit(min(failed, 100))


if __name__ == "__main__":
    main()
