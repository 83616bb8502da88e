#!/usr/bin/env python3
"""Writes tests/data/dicom_public_cases.json: what is right for the DICOM files and folders of the shared
data/public_cases, frame by frame, computed here with pydicom and numpy, independently of Prosector.

Usage: pip install pydicom numpy pylibjpeg pylibjpeg-openjpeg, then:
python3 tests/make_dicom_public_cases.py ../shared
"""

import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np
import pydicom

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read(path):
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return pydicom.dcmread(io.BytesIO(data), force=True)


def floats(value):
    return [float(v) for v in value]


def spacing_of(dataset):
    value = dataset.PixelSpacing
    return [float(value)] * 2 if np.isscalar(value) or not hasattr(value, "__len__") else floats(value)


def affine_of(position, cosines, spacing, step):
    """RAS from column, row, slice."""
    along_row, along_column = np.array(cosines[:3]), np.array(cosines[3:])
    affine = np.eye(4)
    affine[:3, 0] = along_row * spacing[1]
    affine[:3, 1] = along_column * spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = position
    return LPS_TO_RAS @ affine


def physical(dataset, pixels):
    slope = float(dataset.get("RescaleSlope", 1) or 1)
    return pixels.astype(float) * slope + float(dataset.get("RescaleIntercept", 0) or 0)


def volume(slices, step=None):
    """Slices as (position, cosines, spacing, pixels), sorted along the normal."""
    cosines = slices[0][1]
    normal = np.cross(cosines[:3], cosines[3:])
    slices = sorted(slices, key=lambda s: np.dot(s[0], normal))
    positions = np.array([s[0] for s in slices])
    if step is None:
        step = normal if len(slices) == 1 else (positions[-1] - positions[0]) / (len(slices) - 1)
    affine = affine_of(positions[0], slices[0][1], slices[0][2], step)
    # Pixels are rows, columns; voxels are columns, rows, slices.
    return affine, np.stack([s[3].T for s in slices], axis=2)


def plain(datasets):
    return volume(
        [
            (floats(d.ImagePositionPatient), floats(d.ImageOrientationPatient), spacing_of(d), physical(d, d.pixel_array))
            for d in datasets
        ]
    )


def ranked(datasets, key):
    """Frame t has the t-th image, by `key`, of every position."""
    places = {}
    for d in datasets:
        places.setdefault(tuple(floats(d.ImagePositionPatient)), []).append(d)
    for images in places.values():
        images.sort(key=key)
    count = min(len(images) for images in places.values())
    return [plain([images[t] for images in places.values()]) for t in range(count)]


def one_of_each(datasets):
    places = {tuple(floats(d.ImagePositionPatient)): d for d in datasets}
    return [plain(list(places.values()))]


def enhanced(dataset):
    shared = dataset.SharedFunctionalGroupsSequence[0]
    cosines = floats(shared.PlaneOrientationSequence[0].ImageOrientationPatient)
    spacing = floats(shared.PixelMeasuresSequence[0].PixelSpacing)
    frames = {}
    for group, pixels in zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array):
        key = (
            group.FrameContentSequence[0].TemporalPositionIndex,
            group.MREchoSequence[0].EffectiveEchoTime,
            group.MRImageFrameTypeSequence[0].ComplexImageComponent,
        )
        position = floats(group.PlanePositionSequence[0].ImagePositionPatient)
        frames.setdefault(key, []).append((position, cosines, spacing, pixels))
    return [volume(frames[key]) for key in sorted(frames)]


def stacked(dataset, place):
    position, cosines = floats(place.ImagePositionPatient), floats(place.ImageOrientationPatient)
    step = np.cross(cosines[:3], cosines[3:]) * float(dataset.SpacingBetweenSlices)
    slices = [
        (list(np.array(position) + step * k), cosines, spacing_of(dataset), physical(dataset, pixels))
        for k, pixels in enumerate(dataset.pixel_array)
    ]
    return [volume(slices)]


def mosaic(dataset, tiles, size):
    cosines, spacing = floats(dataset.ImageOrientationPatient), spacing_of(dataset)
    across = int(np.ceil(np.sqrt(tiles)))
    shift = size * (across - 1) / 2
    corner = np.array(floats(dataset.ImagePositionPatient))
    corner = corner + np.array(cosines[:3]) * spacing[1] * shift + np.array(cosines[3:]) * spacing[0] * shift
    normal = np.cross(cosines[:3], cosines[3:])
    sheet = dataset.pixel_array
    slices = []
    for k in range(tiles):
        row, column = divmod(k, across)
        tile = sheet[row * size : (row + 1) * size, column * size : (column + 1) * size]
        slices.append((list(corner + normal * float(dataset.SpacingBetweenSlices) * k), cosines, spacing, tile))
    return volume(slices)


def stopped(datasets):
    by_time = {}
    for d in datasets:
        by_time.setdefault(int(d.TemporalPositionIdentifier), []).append(d)
    whole = max(len(images) for images in by_time.values())
    return [plain(by_time[t]) for t in sorted(by_time) if len(by_time[t]) == whole]


def axial(datasets):
    return [plain([d for d in datasets if floats(d.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]])]


# Name -> frames of the datasets, and what has to be told (a part of a warning).
CASES = {
    "F03_un_seq_2005": (lambda d: [plain(d)], None),
    "F04_explicit_VR-UN.dcm": (lambda d: [plain(d)], None),
    "F06_vr_un": (lambda d: [plain(d)], None),
    "F08_ps_single": (lambda d: [plain(d)], None),
    "F09_real_asl301": (lambda d: ranked(d, lambda x: int(x.InstanceNumber)), "trigger time"),
    "F12_ctp": (lambda d: ranked(d, lambda x: str(x.AcquisitionTime)), "acquisition time"),
    "F14_enh3": (lambda d: enhanced(d[0]), "echo time (5, 10)"),
    "F15_incomplete4d": (stopped, "the scan was stopped: 4 images"),
    "F17_dup_resent": (one_of_each, "2 images are copies"),
    "F20_dup_meta": (one_of_each, "1 image is a copy"),
    "F21_real_mosaic": (lambda d: [mosaic(x, 5, 72) for x in sorted(d, key=lambda x: int(x.InstanceNumber))], "2 images"),
    "F24_nm_pos": (lambda d: stacked(d[0], d[0].DetectorInformationSequence[0]), "SpacingBetweenSlices"),
    "F26_cbct_mf": (lambda d: stacked(d[0], d[0]), "SpacingBetweenSlices"),
    "F27_iop_jitter": (lambda d: [plain(d)], "orientations of the images differ"),
    "F29_study_differs": (lambda d: [plain(d)], "different studies"),
    "F30_nof0": (lambda d: [plain(d)], "NumberOfFrames is 0"),
    "F51_real_canon_gz": (lambda d: [plain(d)], None),
    "F53_ct_scout": (axial, None),
}

REFUSED = {
    "F01_UN_sequence.dcm": "object without pixels",
    "F40_micro_missing002": "1 slice is missing",
}


def row(name, frame, frames, affine, voxels, warning):
    rng = np.random.default_rng(7)
    places = [[int(rng.integers(n)) for n in voxels.shape] for _ in range(12)]
    return {
        "path": f"data/public_cases/{name}",
        "frame": frame,
        "frames": frames,
        "dims": list(voxels.shape),
        "affine": [[round(float(v), 6) for v in r] for r in affine],
        "sum": float(voxels.sum()),
        "samples": [[p, float(voxels[tuple(p)])] for p in places],
        "warning": warning,
    }


def main():
    shared = Path(sys.argv[1])
    rows = []
    for name, (make, warning) in CASES.items():
        path = shared / "data/public_cases" / name
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        frames = make([read(f) for f in files])
        for t, (affine, voxels) in enumerate(frames):
            rows.append(row(name, t, len(frames), affine, voxels, warning))
    for name, reason in REFUSED.items():
        rows.append({"path": f"data/public_cases/{name}", "refused": reason})
    target = Path(__file__).parent / "data/dicom_public_cases.json"
    target.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    print(f"{len(rows)} rows")


if __name__ == "__main__":
    main()
