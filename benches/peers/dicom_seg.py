"""DICOM SEG beside its peers: what Prosector writes is read by highdicom, dcmqi and pydicom, and checked by dciodvfy; what
highdicom and dcmqi write is read by Prosector. Voxels must be equal, and lie at the same place.

    pip install highdicom==0.28.2 dcmqi==1.5.7 SimpleITK==2.5.7 nibabel
    python benches/peers/dicom_seg.py PROSECTOR SERIES [SERIES ..]

PROSECTOR is the program, SERIES a folder of one DICOM image series. Prints a table, a line for each check; the exit code is
the number of those that failed. dciodvfy (Debian: dicom3tools) is left out where it is not installed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from highdicom.sr.coding import CodedConcept

# What dciodvfy of 2022 says of every label map: it does not know the class yet, and takes it for binary.
KNOWN = (
    "SegmentNumber not monotonically increasing",
    "Information Object Not found",
    "Unrecognized defined term <LABELMAP>",
)


def run(program, *arguments):
    start = time.perf_counter()
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    return done, time.perf_counter() - start


def drawn(info):
    """Labels 1, 2 and 5 as balls, and a slice without any."""
    dims = info["dims"]
    i, j, k = np.indices(dims)
    labels = np.zeros(dims, np.uint8)
    for value, centre in ((1, 0.3), (2, 0.5), (5, 0.7)):
        middle = [n * centre for n in dims]
        radius = [max(n * 0.2, 0.6) for n in dims]
        inside = sum(((x - m) / r) ** 2 for x, m, r in zip((i, j, k), middle, radius)) <= 1
        labels[inside] = value
    if dims[2] > 3:
        labels[:, :, 1] = 0
    return labels


def as_volume(path):
    """The voxels of a segmentation with highdicom, as labels along (i, j, k), and the RAS affine."""
    seg = hd.seg.segread(path)
    volume = seg.get_volume(combine_segments=True, relabel=False, skip_overlap_checks=True)
    affine = np.diag([-1, -1, 1, 1]) @ volume.affine
    # highdicom's axes are slice, row, column; a NIfTI's column, row, slice.
    return volume.array.transpose(2, 1, 0), affine[:, [2, 1, 0, 3]]


def turned(read, place, affine):
    """Slices in the order of `affine`: highdicom may run along the other side of the normal."""
    if np.dot(place[:3, 2], affine[:3, 2]) >= 0:
        return read, place
    place = place.copy()
    place[:3, 3] += place[:3, 2] * (read.shape[2] - 1)
    place[:3, 2] *= -1
    return read[:, :, ::-1], place


class Table:
    def __init__(self):
        self.failed = 0

    def line(self, series, check, passed, note=""):
        self.failed += not passed
        print(f"{series:28} {check:44} {'ok' if passed else 'FAILED':8} {note}", flush=True)


def written_by_us(program, series, work, table):
    name = series.name
    done, _ = run(program, "info", series, "--json")
    if done.returncode:
        table.line(name, "opens", False, done.stderr.strip())
        return
    info = json.loads(done.stdout)
    labels = drawn(info)
    affine = np.array(info["affine"])
    nifti = work / "drawn.nii.gz"
    nib.save(nib.Nifti1Image(labels, affine), nifti)
    for kind in ("seg", "labelmap"):
        out = work / f"{kind}.dcm"
        done, seconds = run(program, "labels", nifti, "--scan", series, "-o", out, "--as", kind)
        note = f"{seconds:.2f} s, {out.stat().st_size if out.exists() else 0} bytes"
        table.line(name, f"{kind}: written", done.returncode == 0, note if out.exists() else done.stderr.strip())
        if done.returncode:
            continue
        # Binary segments are numbered from 1 on.
        numbers = np.array([0, 1, 2, 0, 0, 3 if kind == "seg" else 5])
        expected = numbers[labels]
        try:
            read, place = turned(*as_volume(out), affine)
            equal = read.shape == expected.shape and (read == expected).all()
            table.line(name, f"{kind}: highdicom, voxels equal", equal)
            table.line(name, f"{kind}: highdicom, same place", np.abs(place - affine).max() < 1e-3)
        except Exception as error:
            table.line(name, f"{kind}: highdicom", False, f"{type(error).__name__}: {error}")
        read_by_dcmqi(out, kind, expected, affine, work, name, table)
        verified(out, series, kind, name, table)
        back = work / f"{kind}_back.nii.gz"
        done, _ = run(program, "labels", out, "--scan", series, "-o", back)
        equal = done.returncode == 0 and (np.asarray(nib.load(back).dataobj) == expected).all()
        table.line(name, f"{kind}: Prosector, voxels equal", equal, done.stderr.strip()[:80] if done.returncode else "")


def read_by_dcmqi(out, kind, expected, affine, work, name, table):
    tool = Path(sys.executable).with_name("segimage2itkimage")
    if not tool.exists():
        return
    folder = work / f"{kind}_dcmqi"
    folder.mkdir(exist_ok=True)
    done, _ = run(
        tool, "--inputDICOM", out, "--outputDirectory", folder, "--outputType", "nrrd", "--mergeSegments",
    )
    files = sorted(folder.glob("*.nrrd"))
    if done.returncode or not files:
        table.line(name, f"{kind}: dcmqi reads it", False, (done.stderr or done.stdout).strip()[-120:])
        return
    image = sitk.ReadImage(str(files[0]))
    read = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    equal = read.shape == expected.shape and (read == expected).all()
    table.line(name, f"{kind}: dcmqi, voxels equal", equal, f"{read.shape}")


def errors_of(path):
    done, _ = run("dciodvfy", path)
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


def verified(out, series, kind, name, table):
    if not shutil.which("dciodvfy"):
        return
    # What the images themselves have wrong of patient and study is copied.
    inherited = errors_of(next(f for f in sorted(series.rglob("*")) if f.is_file()))
    known = KNOWN if kind == "labelmap" else ()
    left = [e for e in errors_of(out) if e not in inherited and not any(k in e for k in known)]
    table.line(name, f"{kind}: dciodvfy, no error", not left, "; ".join(left)[:160])


def written_by_highdicom(program, series, work, table):
    name = series.name
    done, _ = run(program, "info", series, "--json")
    info = json.loads(done.stdout)
    images = [pydicom.dcmread(f) for f in series.rglob("*") if f.is_file()]
    for image in images:
        # highdicom takes no empty one.
        if not image.get("SpecificCharacterSet", "x"):
            del image.SpecificCharacterSet
    images = [i for i in images if i.get("Modality") not in (None, "RTSTRUCT", "SEG") and "PixelData" in i]
    if len(images) != info["dims"][2]:
        return
    normal = np.cross(*np.array(images[0].ImageOrientationPatient, float).reshape(2, 3))
    images.sort(key=lambda i: normal @ np.array(i.ImagePositionPatient, float))
    labels = drawn(info)
    dense = np.array([0, 1, 2, 0, 0, 3], np.uint8)[labels].transpose(2, 1, 0)
    fractions = np.stack([(dense == n) * 0.75 for n in (1, 2, 3)], axis=-1).astype(np.float32)
    tissue = CodedConcept("85756007", "SCT", "Tissue")
    described = [
        hd.seg.SegmentDescription(
            segment_number=n, segment_label=f"label {n}", segmented_property_category=tissue,
            segmented_property_type=tissue, algorithm_type="MANUAL",
        )
        for n in (1, 2, 3)
    ]
    for kind, pixels in (("BINARY", dense), ("LABELMAP", dense), ("FRACTIONAL", fractions)):
        for sparse in (True, False):
            out = work / f"hd_{kind}_{sparse}.dcm"
            seg = hd.seg.Segmentation(
                source_images=images, pixel_array=pixels, segmentation_type=kind,
                segment_descriptions=described, series_instance_uid=hd.UID(), series_number=5,
                sop_instance_uid=hd.UID(), instance_number=1, manufacturer="peer",
                manufacturer_model_name="peer", software_versions="1", device_serial_number="1",
                omit_empty_frames=sparse,
            )
            seg.save_as(out)
            back = work / f"hd_{kind}_{sparse}.nii.gz"
            done, seconds = run(program, "labels", out, "--scan", series, "-o", back)
            equal = done.returncode == 0 and (
                np.asarray(nib.load(back).dataobj) == dense.transpose(2, 1, 0)
            ).all()
            check = f"highdicom's {kind}, {'sparse' if sparse else 'all frames'}: equal"
            table.line(name, check, equal, f"{seconds:.2f} s" if equal else done.stderr.strip()[-120:])


def main():
    program, *folders = sys.argv[1:]
    table = Table()
    for folder in map(Path, folders):
        with tempfile.TemporaryDirectory() as work:
            written_by_us(program, folder, Path(work), table)
            written_by_highdicom(program, folder, Path(work), table)
    sys.exit(min(table.failed, 100))


if __name__ == "__main__":
    main()
