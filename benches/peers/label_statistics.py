#!/usr/bin/env python3
"""What `prosector statistics` measures beside SimpleITK's LabelShapeStatistics and LabelIntensityStatistics.

Usage: pip install SimpleITK, then
       python3 benches/peers/label_statistics.py target/release/prosector SHARED_DATA

Five cases of the shared data. For each measure the largest relative difference over the labels of a case, and the
times of both. The surface is another definition (ours is the area of the marching-cubes surface, SimpleITK's perimeter
is Crofton's formula on intercepts), and its intensity filter takes the median from a histogram, so NumPy's stands for
it. Feret's diameter takes voxel centres as ours does.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

CASES = [
    ("niivue_brain_tumour", "labelled/niivue_brain_tumour/FLAIR.nii.gz", "labelled/niivue_brain_tumour/lesion.nii.gz"),
    ("ts_abdomen_3mm", "labelled/ts_abdomen_3mm/ct.nii.gz", "labelled/ts_abdomen_3mm/labels_v1_104.nii.gz"),
    ("ts_aorta_1p5mm", "labelled/ts_aorta_1p5mm/ct_cropped.nii.gz", "labelled/ts_aorta_1p5mm/aorta.nii.gz"),
    ("brats2013", "labelled/brats2013/brats_2013_pat0006_1/T1c_subtrMeanDivStd.nii.gz",
     "labelled/brats2013/brats_2013_pat0006_1/OTMultiClass.nii.gz"),
    ("sarcoma STS_002 CT", "train/sarcoma/STS_002/CT_image.nii.gz", "train/sarcoma/STS_002/CT_mask.nii.gz"),
]
MEASURES = ["voxels", "volume_ml", "mean", "sd", "min", "max", "median", "centroid_mm", "longest_diameter_mm", "surface_mm2"]


def theirs(image_path, labels_path):
    image = sitk.ReadImage(str(image_path), sitk.sitkFloat64)
    labels = sitk.Cast(sitk.ReadImage(str(labels_path)), sitk.sitkUInt16)
    # Both files lie on one grid, up to the rounding of headers, which the filter does not forgive.
    labels.CopyInformation(image)
    start = time.perf_counter()
    intensity = sitk.LabelIntensityStatisticsImageFilter()
    intensity.Execute(labels, image)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputeFeretDiameterOn()
    shape.ComputePerimeterOn()
    shape.Execute(labels)
    seconds = time.perf_counter() - start
    values, where = sitk.GetArrayViewFromImage(image), sitk.GetArrayViewFromImage(labels)
    measured = {}
    for label in shape.GetLabels():
        x, y, z = shape.GetCentroid(label)
        measured[label] = {
            "voxels": shape.GetNumberOfPixels(label),
            "volume_ml": shape.GetPhysicalSize(label) / 1000,
            "mean": intensity.GetMean(label),
            "sd": intensity.GetStandardDeviation(label),
            "min": intensity.GetMinimum(label),
            "max": intensity.GetMaximum(label),
            "median": float(np.median(values[where == label])),
            "centroid_mm": [-x, -y, z],
            "longest_diameter_mm": shape.GetFeretDiameter(label),
            "surface_mm2": shape.GetPerimeter(label),
        }
    return measured, seconds


def ours(program, image_path, labels_path):
    start = time.perf_counter()
    arguments = [program, "statistics", image_path, "--labels", labels_path, "--json"]
    output = subprocess.run(arguments, capture_output=True, check=True).stdout
    seconds = time.perf_counter() - start
    return {row["value"]: row for row in json.loads(output)["labels"]}, seconds


def difference(a, b):
    """The largest difference, relative to the size of what is measured."""
    if a is None:  # the deviation of a single voxel
        return 0.0
    a, b = np.atleast_1d(a).astype(float), np.atleast_1d(b).astype(float)
    return float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1.0))


def main():
    program, data = sys.argv[1], Path(sys.argv[2])
    print("| case | labels | " + " | ".join(MEASURES) + " | ours s | SimpleITK s |")
    print("|" + "---|" * (len(MEASURES) + 4))
    for name, image, labels in CASES:
        own, own_seconds = ours(program, data / image, data / labels)
        peer, peer_seconds = theirs(data / image, data / labels)
        assert own.keys() == peer.keys(), f"{name}: other labels"
        worst = [max(difference(own[v][m], peer[v][m]) for v in own) for m in MEASURES]
        cells = [f"{w:.1e}" for w in worst]
        print(f"| {name} | {len(own)} | " + " | ".join(cells) + f" | {own_seconds:.2f} | {peer_seconds:.2f} |", flush=True)
    print("Ours: the whole command, reading included. SimpleITK: the two filters alone.")


if __name__ == "__main__":
    main()
