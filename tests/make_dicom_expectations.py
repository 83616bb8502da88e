#!/usr/bin/env python3
"""Writes tests/data/dicom_expectations.json: which shared DICOM file or folder opens, with what
geometry and values, or is refused and why; and the same as a table, tests/data/dicom_files.md.
Geometry and values are computed here with pydicom and numpy, independently of Prosector.

Usage: pip install pydicom numpy, then: python3 tests/make_dicom_expectations.py ../shared
"""

import json
import sys
from pathlib import Path

import numpy as np
import pydicom

# Folder or file -> series UID ending (None: the only one). Uncompressed, so that pydicom alone reads it.
OPENS = [
    ("data/dicom/slicer_cthead", None),
    ("data/dicom/prostatex_0001_multiseries", "28976610"),
    ("data/dicom/prostatex_0001_multiseries", "51833954"),
    ("data/dicom/prostatex_0001_multiseries", "46058431"),
    ("data/dicom/dicom2nifti/failing_gantrytilting_001", None),
    ("data/dicom/dicom2nifti/failing_slicecount_001", None),
    ("data/dicom/dicom2nifti/generic_anatomical_001", None),
    ("data/dicom/dicom2nifti/generic_anatomical_002_non_isotropic", None),
    ("data/dicom/dicom2nifti/siemens_multiframe_anatomical_001", None),
    ("data/dicom_seg/dcmqi/ct-3slice", None),
    ("data/dicom_seg/dcmqi/24x38x3/image", None),
    ("data/dicom_seg/dcmqi/24x38x3/multiframe", None),
    ("data/dicom_seg/highdicom/ct_image.dcm", None),
    ("data/dicom/pydicom_test_files/CT_small.dcm", None),
    ("data/dicom/pydicom_test_files/MR_small.dcm", None),
    ("data/dicom/pydicom_test_files/MR_small_bigendian.dcm", None),
    ("data/dicom/pydicom_test_files/MR_small_expb.dcm", None),
    ("data/dicom/pydicom_test_files/MR_small_implicit.dcm", None),
    ("data/dicom/pydicom_test_files/MR_small_padded.dcm", None),
    ("data/labelled/sts_dicom_rtstruct", "135533244"),
    ("data/labelled/sts_dicom_rtstruct", "137667411"),
    ("data/labelled/sts_dicom_rtstruct", "589754666"),
    ("data/labelled/ibsi_lung_nsclc", None),
    ("data/nifti/niivue/enh.dcm", None),
]

# Opens, but is compared with an uncompressed twin or with its raw slices in a test of its own.
ALSO_OPENS = {
    "data/dicom/ct_tilt_uneven_GE": "sheared affine (18.5 degrees); 28 uneven slices interpolated to 56, with a warning",
    "data/dicom/dicom2nifti/ge_dti_001": "two frames by b-value; frame 0 with a warning",
    "data/dicom/dicom2nifti/generic_compressed_j2k_001": "JPEG 2000 lossless, equals its NIfTI conversion",
    "data/dicom/dicom2nifti/generic_compressed_jpeg_001": "JPEG lossless, equals the same conversion",
    "data/dicom/dicom2nifti/generic_compressed_jpegls_001": "JPEG-LS lossless, equals the same conversion",
    "data/dicom/dicom2nifti/generic_compressed_rle_001": "RLE, equals the same conversion",
    "data/dicom/dicom2nifti/generic_rgb_001": "in colour, with a warning",
    "data/dicom/pydicom_test_files/MR_small_RLE.dcm": "equals MR_small.dcm",
    "data/dicom/pydicom_test_files/MR_small_jp2klossless.dcm": "equals MR_small.dcm",
    "data/dicom/pydicom_test_files/MR_small_jpeg_ls_lossless.dcm": "equals MR_small.dcm",
}

MATRIX = "data/dicom/cornerstone_transfer_syntaxes/CTImage.dcm_{}TransferSyntax_1.2.840.10008.1.2{}.dcm"
DECODED = {
    MATRIX.format("LittleEndianExplicit", ".1"): "the uncompressed one",
    MATRIX.format("LittleEndianImplicit", ""): "equals the uncompressed one",
    MATRIX.format("BigEndianExplicit", ".2"): "equals the uncompressed one",
    MATRIX.format("DeflatedExplicitVRLittleEndian", ".1.99"): "equals the uncompressed one",
    MATRIX.format("RLELossless", ".5"): "equals the uncompressed one",
    MATRIX.format("JPEGProcess14", ".4.57"): "equals the uncompressed one",
    MATRIX.format("JPEGProcess14SV1", ".4.70"): "equals the uncompressed one",
    MATRIX.format("JPEGLSLossless", ".4.80"): "equals the uncompressed one",
    MATRIX.format("JPEG2000LosslessOnly", ".4.90"): "equals the uncompressed one",
    MATRIX.format("JPEGLSLossy", ".4.81"): "lossy, within 1 HU of it",
    MATRIX.format("JPEG2000", ".4.91"): "lossy, within 6 HU of it",
    MATRIX.format("JPEGProcess1", ".4.50"): "lossy, 8 bits, within 65 HU of it",
}

# Folders with several image series: how many, and what is kept apart.
LISTS = [
    ("data/dicom/prostatex_0001_multiseries", 3, ["localizer"]),
    ("data/dicom/cornerstone_transfer_syntaxes", 3, []),
    ("data/dicom/dicom2nifti/failing_sliceorientation_001", 2, []),
    ("data/dicom_seg/dcmqi/24x38x3", 2, ["SEG"]),
    ("data/dicom_seg/dcmqi", 3, ["SEG"]),
    ("data/labelled/sts_dicom_rtstruct", 3, ["RTSTRUCT"]),
    ("data/dicom/pydicom_test_files", 2, ["RTPLAN", "RTDOSE", "RTSTRUCT"]),
]

TABLE_HEAD = """# DICOM files and folders of the shared data: what opens, what is refused

Written by `tests/make_dicom_expectations.py`; `tests/it/dicom.rs` checks every row. What opens has the
affine and values that pydicom gives, or equals what its row names.

| file or folder | outcome |
|---|---|"""

POSITION = "it has no ImagePositionPatient"
REFUSED = {
    "data/dicom/dicom2nifti/failing_notavolume_001": "lie on one plane",
    "data/dicom/dicom2nifti/failing_sliceincrement_001": "1 between 28.11 and 38.11 mm",
    "data/dicom/prostatex_0001_multiseries/1.000000-t2localizer-75055": "13 x localizer",
    "data/dicom/cornerstone_transfer_syntaxes/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm":
        "JPEG Extended (Process 2 and 4) (1.2.840.10008.1.2.4.51) with 12 bits",
    "data/dicom/cornerstone_transfer_syntaxes/CTImage.dcm_JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm":
        "JPEG Extended (Process 2 and 4) (1.2.840.10008.1.2.4.51) with 12 bits",
    "data/dicom/cornerstone_transfer_syntaxes/CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm":
        "JPEG Spectral Selection (Process 6 and 8)",
    "data/dicom/cornerstone_transfer_syntaxes/CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm":
        "JPEG Full Progression (Process 10 and 12)",
    "data/dicom/pydicom_test_files/ExplVR_BigEnd.dcm": POSITION,
    "data/dicom/pydicom_test_files/ExplVR_BigEndNoMeta.dcm": "RTPLAN",
    "data/dicom/pydicom_test_files/ExplVR_LitEndNoMeta.dcm": "RTPLAN",
    "data/dicom/pydicom_test_files/MR_truncated.dcm": "8192 bytes are needed, 8130 are there",
    "data/dicom/pydicom_test_files/SC_rgb_rle.dcm": POSITION,
    "data/dicom/pydicom_test_files/SC_rgb_small_odd.dcm": POSITION,
    "data/dicom/pydicom_test_files/badVR.dcm": "RTDOSE",
    "data/dicom/pydicom_test_files/empty_charset_LEI.dcm": "object without pixels",
    "data/dicom/pydicom_test_files/image_dfl.dcm": POSITION,
    "data/dicom/pydicom_test_files/meta_missing_tsyntax.dcm": "BitsAllocated is missing",
    "data/dicom/pydicom_test_files/nested_priv_SQ.dcm": "BitsAllocated is missing",
    "data/dicom/pydicom_test_files/no_meta.dcm": "no scan format",
    "data/dicom/pydicom_test_files/no_meta_group_length.dcm": "object without pixels",
    "data/dicom/pydicom_test_files/rtdose.dcm": "RTDOSE",
    "data/dicom/pydicom_test_files/rtplan_truncated.dcm": "header breaks off",
    "data/dicom/pydicom_test_files/rtstruct.dcm": "RTSTRUCT",
    "data/dicom/pydicom_test_files/zipMR.gz": "gzipped DICOM",
    "data/dicom/pydicom_charsets": "no volume can be made of it",
    "data/dicom_seg/dcmqi/liver.dcm": "SEG",
    "data/dicom_seg/dcmqi/partial_overlaps.dcm": "SEG",
    "data/dicom_seg/dcmqi/sparse-labelmap-noppv.dcm": "SEG",
    "data/dicom_seg/dcmqi/24x38x3/seg": "SEG",
    "data/dicom_seg/dcmqi/24x38x3/nrrd": "none of the 1 files in the folder is DICOM",
    "data/dicom_seg/highdicom/seg_image_ct_binary.dcm": "SEG",
    "data/dicom_seg/highdicom/seg_image_ct_binary_overlap.dcm": "SEG",
    "data/dicom_seg/highdicom/seg_image_ct_binary_single_frame.dcm": "SEG",
    "data/labelled/ibsi_lung_nsclc/dicom_rtstruct": "RTSTRUCT",
    "data/labelled/sts_dicom_rtstruct/STS_002/CT/mask": "RTSTRUCT",
}


def first(item, sequence, attribute):
    """An attribute of a functional group macro."""
    macro = item.get(sequence) if item is not None else None
    return macro[0].get(attribute) if macro else None


def planes(ds):
    """(position, orientation, spacing, thickness, values) of every frame."""
    pixels = ds.pixel_array.astype(np.float64)
    frames = pixels if pixels.ndim == 3 else pixels[None]
    shared = (ds.get("SharedFunctionalGroupsSequence") or [None])[0]
    own = ds.get("PerFrameFunctionalGroupsSequence")
    for i, frame in enumerate(frames):
        def get(sequence, attribute):
            value = first(own[i], sequence, attribute) if own else None
            value = first(shared, sequence, attribute) if value is None else value
            return ds.get(attribute) if value is None else value
        slope = get("PixelValueTransformationSequence", "RescaleSlope")
        intercept = get("PixelValueTransformationSequence", "RescaleIntercept")
        frame = frame * float(1 if slope is None else slope) + float(0 if intercept is None else intercept)
        step = get("PixelMeasuresSequence", "SpacingBetweenSlices") or get("PixelMeasuresSequence", "SliceThickness")
        yield (
            np.array(get("PlanePositionSequence", "ImagePositionPatient"), float),
            np.array(get("PlaneOrientationSequence", "ImageOrientationPatient"), float),
            np.array(get("PixelMeasuresSequence", "PixelSpacing"), float),
            float(step or 1),
            frame,
        )


def volume(root, series):
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    found = []
    for path in files:
        try:
            ds = pydicom.dcmread(path)
        except pydicom.errors.InvalidDicomError:
            continue
        if "PixelData" not in ds or ds.Modality in ("SEG", "RTDOSE"):
            continue
        if series is None or str(ds.SeriesInstanceUID).endswith(series):
            uid, modality = str(ds.SeriesInstanceUID), ds.Modality
            found.extend(planes(ds))
    row, column = found[0][1][:3], found[0][1][3:]
    normal = np.cross(row, column)
    found.sort(key=lambda p: p[0] @ normal)
    values = np.stack([p[4] for p in found]).transpose(2, 1, 0)
    spacing, origin = found[0][2], found[0][0]
    step = normal * found[0][3] if len(found) == 1 else (found[-1][0] - origin) / (len(found) - 1)
    lps = np.eye(4)
    lps[:3] = np.column_stack([row * spacing[1], column * spacing[0], step, origin])
    affine = np.diag([-1, -1, 1, 1]) @ lps
    return uid, modality, values, affine


def main(shared):
    data = Path(__file__).parent / "data"
    rows = []
    for path, series in OPENS:
        uid, modality, values, affine = volume(shared / path, series)
        rng = np.random.default_rng(1)
        picks = [[int(rng.integers(n)) for n in values.shape] for _ in range(12)]
        rows.append({
            "path": path, "series": uid, "modality": modality, "dims": values.shape,
            "affine": affine.tolist(), "sum": float(values.sum()),
            "min": float(values.min()), "max": float(values.max()),
            "samples": [[p, float(values[tuple(p)])] for p in picks],
        })
    also = ALSO_OPENS | DECODED
    rows += [{"path": p, "opens": True} for p in also]
    rows += [{"path": p, "lists": n, "apart": apart} for p, n, apart in LISTS]
    rows += [{"path": p, "refused": reason} for p, reason in REFUSED.items()]
    charsets = sorted((shared / "data/dicom/pydicom_charsets").glob("*.dcm"))
    for path in charsets:
        pixels = "PixelData" in pydicom.dcmread(path)
        reason = POSITION if pixels else "without pixels"
        rows.append({"path": str(path.relative_to(shared)), "refused": reason})
    lines = ",\n".join(json.dumps(r) for r in rows)
    (data / "dicom_expectations.json").write_text(f"[\n{lines}\n]\n")
    table = "\n".join(f"| {r['path'].removeprefix('data/')} | {outcome(r, also)} |" for r in rows)
    (data / "dicom_files.md").write_text(f"{TABLE_HEAD}\n{table}\n")


def outcome(row, also):
    """What happens to a path, in a few words."""
    if "refused" in row:
        return f"refused: {row['refused']}"
    if "lists" in row:
        apart = f"; kept apart: {', '.join(row['apart'])}" if row["apart"] else ""
        return f"{row['lists']} image series, needs a choice{apart}"
    if "opens" in row:
        return f"opens: {also[row['path']]}"
    size = "x".join(str(n) for n in row["dims"])
    return f"opens: {row['modality']} {size} (series ...{row['series'][-9:]})"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
