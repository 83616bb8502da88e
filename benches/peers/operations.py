#!/usr/bin/env python3
"""Editing operations beside SciPy, SimpleITK and the ITK modules that other editors use, in one run.

Usage: pip install numpy scipy nibabel SimpleITK==2.5.7 itk==5.4.7 itk-growcut==1.0.1 \\
                   itk-morphologicalcontourinterpolation==2.1.2, then
       python3 benches/peers/operations.py target/release/prosector SHARED_DATA [--only ID ..] [--repeat 3]

Where the meaning is exact, the voxels that differ, and none may; for growing and interpolating, the Dice with the truth
that seeds or slices were taken from. Seconds are the best of the repeats, from the files to the file: ours of the whole
command, its process included, theirs of a process without its start and imports. Megabytes are the highest resident
memory of each process; what theirs holds after its imports alone stands under the table.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

# (name, scan, labels, value)
CASES = [
    ("abdomen, liver", "labelled/ts_abdomen_3mm/ct.nii.gz", "labelled/ts_abdomen_3mm/labels_v1_104.nii.gz", 5),
    ("aorta", "labelled/ts_aorta_1p5mm/ct_cropped.nii.gz", "labelled/ts_aorta_1p5mm/aorta.nii.gz", 1),
    ("sarcoma, CT", "train/sarcoma/STS_002/CT_image.nii.gz", "train/sarcoma/STS_002/CT_mask.nii.gz", 1),
    ("brain tumour, MR", "labelled/niivue_brain_tumour/FLAIR.nii.gz", "labelled/niivue_brain_tumour/lesion.nii.gz", 1),
    ("brainstem, CT", "train/head_neck/pt_100_ct.nii.gz", "train/head_neck/pt_100_oar.nii.gz", 1),
]
# (id, our operations on label 1 and, where there are two, label 2; what it is compared by)
OPERATIONS = [
    ("threshold", "threshold label=1 low={low} high={high} over=all", "exact"),
    ("threshold within", "threshold label=3 low={low} high={high} within=1 over=all", "exact"),
    ("fill_holes", "fill_holes label=1", "exact"),
    ("keep_largest", "keep_largest label=1", "exact"),
    ("remove_small", "remove_small label=1 min_voxels=50", "exact"),
    ("margin +5 mm", "margin label=1 mm=5", "exact"),
    ("margin -4 mm", "margin label=1 mm=-4", "exact"),
    ("opening 4 mm", "smooth label=1 method=opening mm=4", "exact"),
    ("median 4 mm", "smooth label=1 method=median mm=4", "exact"),
    ("gaussian 3 mm", "smooth label=1 method=gaussian mm=3", "exact"),
    ("intersect", "logic label=1 op=intersect with=2", "exact"),
    ("grow_from_seeds", "grow_from_seeds labels=1,2", "dice"),
    ("interpolate", "interpolate label=1 plane=axial", "dice"),
]


def load(path):
    import nibabel

    image = nibabel.load(path)
    return image, np.asarray(image.dataobj)


def spacing_of(image):
    """In mm, without the rounding of rotated headers, which would decide over voxels exactly as far as a margin goes."""
    return [round(float(np.linalg.norm(image.affine[:3, d])), 5) for d in range(3)]


def ball(mm, spacing):
    reach = [int(mm / s + 1e-6) for s in spacing]
    at = np.meshgrid(*[np.arange(-r, r + 1) * s for r, s in zip(reach, spacing)], indexing="ij")
    return sum(a**2 for a in at) <= (mm * (1 + 1e-6)) ** 2


def padded(mask, footprint, step):
    """A step on the mask mirrored beyond the border, as nothing is known there."""
    width = [(n // 2, n // 2) for n in footprint.shape]
    inner = tuple(slice(b, b + n) for (b, _), n in zip(width, mask.shape))
    return step(np.pad(mask, width, mode="symmetric"))[inner]


def eroded(mask, mm, spacing):
    from scipy import ndimage

    return ndimage.distance_transform_edt(mask, sampling=spacing) > mm if not mask.all() else mask


def grown(mask, mm, spacing):
    from scipy import ndimage

    return ndimage.distance_transform_edt(~mask, sampling=spacing) <= mm if mask.any() else mask


def by_peer(name, scan, labels, spacing, window):
    """The labels after the operation, by the peer."""
    from scipy import ndimage

    mask = labels == 1
    if name == "threshold":
        new = (scan >= window[0]) & (scan <= window[1])
        return np.where(new, 1, np.where(mask, 0, labels))
    if name == "threshold within":
        return np.where((scan >= window[0]) & (scan <= window[1]) & mask, 3, labels)
    if name == "grow_from_seeds":
        return growcut(scan, labels)
    if name == "interpolate":
        return contours(labels)
    if name == "fill_holes":
        new = ndimage.binary_fill_holes(mask)
    elif name in ("keep_largest", "remove_small"):
        pieces, count = ndimage.label(mask, np.ones((3, 3, 3)))
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        sizes[0] = 0
        keep = sizes >= 50 if name == "remove_small" else np.arange(count + 1) == sizes.argmax()
        new = keep[pieces] & mask
    elif name.startswith("margin +"):
        new = grown(mask, 5, spacing)
    elif name.startswith("margin -"):
        new = eroded(mask, 4, spacing)
    elif name.startswith("opening"):
        new = grown(eroded(mask, 4, spacing), 4, spacing)
    elif name.startswith("median"):
        around = ball(4, spacing)
        new = padded(mask, around, lambda m: ndimage.median_filter(m.astype(np.uint8), footprint=around)) > 0
    elif name.startswith("gaussian"):
        sigma = [3 / s for s in spacing]
        soft = ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="reflect", truncate=4)
        new = soft >= 0.5
    elif name == "intersect":
        new = mask & (labels == 2)
    free = (labels == 0) | mask
    return np.where(new & free, 1, np.where(mask, 0, labels))


def growcut(scan, labels):
    import itk

    growth = itk.FastGrowCut[itk.Image[itk.F, 3], itk.Image[itk.UC, 3]].New(
        itk.image_from_array(np.ascontiguousarray(scan.astype(np.float32)))
    )
    growth.SetSeedImage(itk.image_from_array(np.ascontiguousarray(labels.astype(np.uint8))))
    growth.Update()
    return itk.array_from_image(growth.GetOutput())


def contours(labels):
    import itk

    image = itk.image_from_array(np.ascontiguousarray((labels == 1).astype(np.uint8)))
    # Array axes come reversed: the last of the array, k, is ITK's first.
    return itk.array_from_image(itk.morphological_contour_interpolator(image, axis=0))


def resident_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(job):
    """Runs one operation by the peer, in a process of its own, and prints what it took."""
    job = json.loads(job)
    import nibabel
    import scipy.ndimage  # noqa: F401

    if job["name"] in ("grow_from_seeds", "interpolate"):
        import itk

        # Modules are loaded when first named.
        getattr(itk, "FastGrowCut" if job["name"] == "grow_from_seeds" else "MorphologicalContourInterpolator")
    before = resident_mb()
    start = time.perf_counter()
    scan_image, scan = load(job["scan"])
    image, labels = load(job["labels"])
    done = by_peer(job["name"], scan, labels, spacing_of(scan_image), job["window"])
    nibabel.save(nibabel.Nifti1Image(done.astype(np.uint8), image.affine), job["out"])
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, before]))


def timed(command):
    """The seconds and highest resident megabytes of a command, and what it printed; `None` where it fell.

    GNU time starts it: a process begins with the memory of the one that it was forked from.
    """
    start = time.perf_counter()
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *map(str, command)], capture_output=True, text=True)
    if done.returncode != 0:
        return None
    return time.perf_counter() - start, int(done.stderr.splitlines()[-1]) / 1024, done.stdout


def prepared(data, case, folder):
    """The scan, and its label as label 1 of a small map of its own: the paths, the truth, and a window around its values."""
    import nibabel
    from scipy import ndimage

    _, scan_path, labels_path, value = case
    image, scan = load(data / scan_path)
    truth = np.asarray(nibabel.load(data / labels_path).dataobj) == value
    inside = scan[truth]
    window = [float(np.floor(np.percentile(inside, 20))), float(np.ceil(np.percentile(inside, 80)))]
    rng = np.random.default_rng(7)

    maps = {}
    # Holes, islands and a second label beside it.
    worn = truth & (rng.random(truth.shape) > 0.02)
    worn |= rng.random(truth.shape) > 0.9995
    second = ndimage.binary_dilation(truth, iterations=3) & ~worn & (np.indices(truth.shape)[0] % 8 < 4)
    maps["edited"] = np.where(worn, 1, np.where(second, 2, 0))
    spacing = spacing_of(image)
    core = ndimage.distance_transform_edt(truth, sampling=spacing)
    around = ndimage.distance_transform_edt(~truth, sampling=spacing)
    maps["seeds"] = np.where(core > 0.6 * core.max(), 1, np.where((around > 8) & (around < 12), 2, 0))
    slices = np.flatnonzero(truth.any(axis=(0, 1)))
    drawn = np.zeros_like(truth)
    keep = sorted({*slices[::5], slices[-1]})
    drawn[:, :, keep] = truth[:, :, keep]
    maps["slices"] = drawn
    paths = {}
    for name, labels in maps.items():
        paths[name] = folder / f"{name}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(labels.astype(np.uint8), image.affine), paths[name])
    return data / scan_path, paths, truth, window


def dice(a, b):
    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    wrong = 0
    bare = 0.0
    print("| operation | case | ours | peer | s ours | s peer | ratio | MB ours | MB peer |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for case in CASES:
            scan, paths, truth, window = prepared(options.data, case, folder)
            for name, operation, how in OPERATIONS:
                if options.only and name not in options.only:
                    continue
                source = paths[{"grow_from_seeds": "seeds", "interpolate": "slices"}.get(name, "edited")]
                ours_at, theirs_at = folder / "ours.nii.gz", folder / "theirs.nii.gz"
                do = operation.format(low=window[0], high=window[1])
                command = [options.program, "edit", scan, "--labels", source, "-o", ours_at, "--do", do]
                job = dict(name=name, scan=str(scan), labels=str(source), out=str(theirs_at), window=window)
                child_of = [sys.executable, __file__, "--child", json.dumps(job)]
                ours = [timed(command) for _ in range(options.repeat)]
                theirs = [timed(child_of) for _ in range(options.repeat)]
                if None in ours:
                    sys.exit(f"{do}: refused")
                s, mb = min(o[0] for o in ours), max(o[1] for o in ours)
                row = f"| {name} | {case[0]} | {{}} | {{}} | {s:.3f} | {{}} | {{}} | {mb:.0f} | {{}} |"
                ours_labels = load(ours_at)[1]
                quality = f"Dice {dice(ours_labels == 1, truth):.3f}"
                if None in theirs:
                    print(row.format(quality, "crashed", "", "", ""), flush=True)
                    continue
                told = [json.loads(t[2].splitlines()[-1]) for t in theirs]
                t, peer_mb = min(p[0] for p in told), max(p[1] for p in theirs)
                bare = max(bare, *(p[1] for p in told))
                peer_labels = load(theirs_at)[1]
                if how == "exact":
                    differ = int((ours_labels != peer_labels).sum())
                    wrong += differ > 0
                    quality, peer_quality = f"{differ} voxels differ", ""
                else:
                    peer_quality = f"Dice {dice(peer_labels == 1, truth):.3f}"
                print(row.format(quality, peer_quality, f"{t:.3f}", f"{s / t:.2f}", f"{peer_mb:.0f}"), flush=True)
    print(f"\nA peer's process holds up to {bare:.0f} MB before it reads a file.")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        sys.exit(main())
