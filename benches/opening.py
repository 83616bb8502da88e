#!/usr/bin/env python3
"""Times opening a 512x512x300 int16 scan, as .nii.gz and as a DICOM series, in Prosector, SimpleITK and nibabel.

Usage: pip install nibabel SimpleITK numpy, then: python3 benches/opening.py target/release/prosector

Prosector's time is that of the whole process `prosector info`, which reads and checks all voxels; the others' is
that of the reading call alone, without starting Python or importing the package. Each row is the best of three
processes run in turn, with its peak memory.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DIMS = (512, 512, 300)
SPACING_MM = (0.8, 0.8, 1.5)
INPUTS = {"nifti": "scan.nii.gz", "dicom": "series"}

TIMED = """
import sys, time
{imports}
start = time.perf_counter()
{call}
print(time.perf_counter() - start)
"""
READERS = {
    "nifti": {
        "SimpleITK": ("import SimpleITK", "SimpleITK.ReadImage(sys.argv[1])"),
        "nibabel": ("import nibabel, numpy", "numpy.asanyarray(nibabel.load(sys.argv[1]).dataobj)"),
    },
    "dicom": {
        "SimpleITK": (
            "import SimpleITK",
            "SimpleITK.ReadImage(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(sys.argv[1]))",
        ),
    },
}


def body(np):
    """A body of smooth tissue with CT noise in air, which packs about as well as a real scan."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(0, 1, tuple(n // 16 + 1 for n in DIMS))
    tissue = np.kron(coarse, np.ones((16, 16, 16)))[: DIMS[0], : DIMS[1], : DIMS[2]]
    x, y = np.meshgrid(*(np.arange(n) - n / 2 for n in DIMS[:2]), indexing="ij")
    inside = (x**2 + y**2 < 200**2)[..., None]
    values = np.where(inside, 40 + 60 * tissue, -1000) + rng.normal(0, 12, DIMS)
    return np.clip(values, -1024, 3071).astype(np.int16)


def write_inputs(folder):
    """The same scan as a .nii.gz and as a folder of DICOM slices."""
    import numpy
    import SimpleITK

    image = SimpleITK.GetImageFromArray(body(numpy).T)
    image.SetSpacing(SPACING_MM)
    SimpleITK.WriteImage(image, str(folder / INPUTS["nifti"]), True, 1)
    series = folder / INPUTS["dicom"]
    series.mkdir()
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(DIMS[2]):
        piece = image[:, :, k]
        tags = {
            "0008|0008": "ORIGINAL\\PRIMARY\\AXIAL",
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"1.2.826.0.1.3680043.8.498.1.{k + 1}",
            "0008|0060": "CT",
            "0018|0050": str(SPACING_MM[2]),
            "0020|000d": "1.2.826.0.1.3680043.8.498.2",
            "0020|000e": "1.2.826.0.1.3680043.8.498.3",
            "0020|0013": str(k + 1),
            "0020|0032": f"0\\0\\{k * SPACING_MM[2]}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0052": "1.2.826.0.1.3680043.8.498.4",
        }
        for tag, value in tags.items():
            piece.SetMetaData(tag, value)
        writer.SetFileName(str(series / f"{k:04d}.dcm"))
        writer.Execute(piece)


def run(command):
    """Wall seconds, peak memory in MB and output of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command} failed: {process.stderr.read()}")
    return seconds, usage.ru_maxrss / 1024, output


def ours(program, path):
    seconds, memory_mb, _ = run([program, "info", path, "--json"])
    return seconds, memory_mb


def theirs(code, path):
    imports, call = code
    script = TIMED.format(imports=imports, call=call)
    _, memory_mb, output = run([sys.executable, "-c", script, path])
    return float(output), memory_mb


def main():
    if sys.argv[1] == "--write":
        write_inputs(Path(sys.argv[2]))
        return
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a child starts with its parent's peak memory on its account.
        subprocess.run([sys.executable, __file__, "--write", folder], check=True)
        print(f"{'input':8} {'reader':10} {'seconds':>8} {'peak MB':>8}")
        for kind, name in INPUTS.items():
            path = Path(folder) / name
            rows = {reader: [] for reader in ("Prosector", *READERS[kind])}
            for _ in range(3):
                rows["Prosector"].append(ours(program, path))
                for reader, code in READERS[kind].items():
                    rows[reader].append(theirs(code, path))
            for reader, runs in rows.items():
                seconds, memory_mb = min(runs)
                print(f"{kind:8} {reader:10} {seconds:8.3f} {memory_mb:8.0f}")


if __name__ == "__main__":
    main()
