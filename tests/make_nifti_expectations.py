#!/usr/bin/env python3
"""Writes tests/data/nifti_expectations.json, what nibabel reads from every shared file that is not DICOM, and the
table of them, tests/data/nifti_files.md.

Usage: pip install nibabel, then: python3 tests/make_nifti_expectations.py ../shared
"""

import gzip
import hashlib
import io
import json
import sys
from pathlib import Path

import nibabel
import numpy as np

# Files that must be refused: the kind of refusal (the variant of IoError), and why. Everything else must open.
REFUSED = {
    "bad_magic.nii": ("damaged", "magic bytes XXXX"),
    "dim_too_large.nii": ("damaged", "its header promises more voxels than the file has bytes for"),
    "empty.nii.gz": ("not_a_scan", "0 bytes"),
    "gzip_crc_bad.nii.gz": ("damaged", "wrong gzip checksum"),
    "gzip_truncated.nii.gz": ("damaged", "the gzip data ends early"),
    "nii_truncated.nii": ("damaged", "the file ends before its voxels do"),
    "vox_offset_past_end.nii": ("damaged", "its header places the voxels behind the end"),
    "analyze.hdr": ("unsupported", "Analyze 7.5 does not say left from right"),
    "nifti2.hdr": ("damaged", "a header whose .img file is missing"),
    "complex.nii.gz": ("unsupported", "complex64 voxels"),
    "complex32.nii": ("unsupported", "complex64 voxels"),
    "complex64.nii": ("unsupported", "complex128 voxels"),
}
OTHER_FORMATS = {".txt": "a text file", ".json": "a text file"}


TABLE_HEAD = """# NIfTI files of the shared data: what opens, what is refused

Written by `tests/make_nifti_expectations.py`; `tests/it/nifti.rs` checks every row, and that what opens has
the affine and every voxel that nibabel reads.

| file | outcome |
|---|---|"""


def load(path):
    """The image by the file's content, whatever its name says."""
    if path.suffix in (".hdr", ".img"):
        return nibabel.load(path)
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    sizes = {int.from_bytes(content[:4], order) for order in ("little", "big")}
    kind = nibabel.Nifti2Image if 540 in sizes else nibabel.Nifti1Image
    holder = nibabel.FileHolder(fileobj=io.BytesIO(content))
    return kind.from_file_map({"header": holder, "image": holder})


def values_of(image):
    """The values as float64 with frames last, colours as BT.601 luminance."""
    raw = np.asanyarray(image.dataobj)
    if raw.dtype.names:
        r, g, b = (raw[c].astype(np.uint32) for c in "RGB")
        raw = (299 * r + 587 * g + 114 * b + 500) // 1000
    else:
        raw = image.get_fdata(dtype=np.float64)
    shape = (raw.shape + (1, 1, 1))[:3]
    return raw.astype(np.float64).reshape((*shape, -1), order="F")


def dtype_of(image):
    dtype = image.get_data_dtype()
    if dtype.names:
        return "rgba32" if len(dtype.names) == 4 else "rgb24"
    return dtype.newbyteorder("=").name


def summary(values, frame):
    """What one frame holds; the hash is over all values as little-endian float64, i fastest."""
    v = values[..., frame]
    finite = v[np.isfinite(v)]
    canonical = np.where(np.isnan(v), np.nan, v).astype("<f8")
    random = np.random.default_rng(0)
    samples = []
    for _ in range(8):
        voxel = [int(random.integers(n)) for n in v.shape]
        value = float(v[tuple(voxel)])
        samples.append([voxel, value if np.isfinite(value) else None])
    return {
        "frame": frame,
        "sum": float(finite.sum()),
        "sum_abs": float(np.abs(finite).sum()),
        "min": float(finite.min()),
        "max": float(finite.max()),
        "non_finite": int(v.size - finite.size),
        "samples": samples,
        "sha256": hashlib.sha256(canonical.tobytes(order="F")).hexdigest(),
    }


def expectation(root, path):
    entry = {"path": path.relative_to(root).as_posix()}
    if path.suffix in OTHER_FORMATS:
        return entry | {"refused": "not_a_scan", "why": OTHER_FORMATS[path.suffix]}
    if path.name in REFUSED:
        refused, why = REFUSED[path.name]
        return entry | {"refused": refused, "why": why}
    image = load(path)
    values = values_of(image)
    frames = values.shape[3]
    return entry | {
        "dims": list(values.shape[:3]),
        "frames": frames,
        "dtype": dtype_of(image),
        "affine": image.affine.tolist(),
        "values": [summary(values, f) for f in sorted({0, frames - 1})],
    }


def outcome(entry):
    """The row's second cell."""
    if "refused" in entry:
        return f"refused ({entry['refused'].replace('_', ' ')}): {entry['why']}"
    shape = "x".join(map(str, entry["dims"]))
    frames = f", {entry['frames']} frames" if entry["frames"] > 1 else ""
    return f"opens: {shape} {entry['dtype']}{frames}"


def main():
    root = Path(sys.argv[1]) / "data"
    files = sorted(p for folder in ("nifti", "labelled") for p in (root / folder).rglob("*"))
    files = [p for p in files if p.is_file() and p.suffix != ".dcm"]
    entries = [expectation(root, p) for p in files]
    data = Path(__file__).parent / "data"
    lines = ",\n".join(json.dumps(e) for e in entries)
    (data / "nifti_expectations.json").write_text(f"[\n{lines}\n]\n")
    rows = "\n".join(f"| {e['path']} | {outcome(e)} |" for e in entries)
    (data / "nifti_files.md").write_text(f"{TABLE_HEAD}\n{rows}\n")
    print(f"{len(entries)} files, {sum('refused' in e for e in entries)} refused")


if __name__ == "__main__":
    main()
