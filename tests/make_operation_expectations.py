"""What the editing operations give, by their definitions in NumPy, SciPy and scikit-image: writes tests/data/operations.tsv.

The scan and its labels are made from whole numbers, here and in tests/it/operations/bench.rs alike.
"""

from pathlib import Path

import numpy as np
from scipy import ndimage as ndi
from skimage.segmentation import random_walker

DIMS = (24, 20, 14)
SPACING_MM = (0.75, 1.25, 2.5)
SQUARES = np.array([9, 25, 100])  # of the spacing, in sixteenths of mm²

i, j, k = np.indices(DIMS)
HASH = (i * 7919 + j * 104729 + k * 1299709 + i * j * 31 + j * k * 17) % 1009
SCAN = (HASH * 3 - 1000) * 0.5 + 10.0


def ball(centre, mm):
    squared = sum(SQUARES[d] * (x - c) ** 2 for d, (x, c) in enumerate(zip((i, j, k), centre)))
    return squared <= 16 * mm * mm


def labels():
    made = np.zeros(DIMS, np.uint16)
    made[ball((9, 9, 6), 6) & (HASH % 11 != 0) & ~ball((9, 9, 6), 2)] = 1
    made[ball((9, 9, 6), 9) & (HASH % 41 == 0)] = 1
    made[ball((17, 12, 8), 5) & (made == 0)] = 2
    made[(k == 13) & (i > 3) & (j > 5) & (HASH % 5 != 0) & (made == 0)] = 3
    made[2:5, 2:4, 1] = 4
    made[2:5, 2:4, 3] = 4
    made[2:5, 1:5, 7] = 4
    return made


def parsed(text):
    words = text.split()
    return words[0], dict(w.split("=") if "=" in w else (w, "yes") for w in words[1:])


def grow(mask, mm):
    return ndi.distance_transform_edt(~mask, sampling=SPACING_MM) <= mm


def shrink(mask, mm):
    if mask.all():
        return mask
    return ndi.distance_transform_edt(mask, sampling=SPACING_MM) > mm


def footprint(mm):
    reach = [int(mm / s) for s in SPACING_MM]
    grids = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    return sum((g * s) ** 2 for g, s in zip(grids, SPACING_MM)) <= mm * mm


def gaussian(mask, mm):
    return ndi.gaussian_filter(mask.astype(np.float64), [mm / s for s in SPACING_MM])


def components(mask, connectivity):
    structure = ndi.generate_binary_structure(3, 1 if connectivity == "6" else 3)
    found, count = ndi.label(mask, structure)
    return found, np.bincount(found.ravel(), minlength=count + 1)


AXES = {"sagittal": 0, "coronal": 1, "axial": 2}


def holes_filled(mask, plane):
    if plane is None:
        return ndi.binary_fill_holes(mask)
    filled = mask.copy()
    for index in range(DIMS[AXES[plane]]):
        at = tuple(index if d == AXES[plane] else slice(None) for d in range(3))
        filled[at] = ndi.binary_fill_holes(mask[at])
    return filled


def result(id, given, now, label):
    """The voxels of the label afterwards, were it alone."""
    mask = now == label
    mm = float(given.get("mm", 0))
    within = now == int(given["within"]) if "within" in given else np.ones(DIMS, bool)
    match id, given.get("method") or given.get("op"):
        case "threshold", _:
            inside = (SCAN >= float(given["low"])) & (SCAN <= float(given["high"]))
            return (inside != ("invert" in given)) & within
        case "margin", _:
            return (grow(mask, mm) & within) | mask if mm >= 0 else shrink(mask, -mm)
        case "hollow", _:
            outer = {"inside": 0, "outside": mm, "centre": mm / 2}[given["side"]]
            inner = {"inside": mm, "outside": 0, "centre": mm / 2}[given["side"]]
            return grow(mask, outer) & ~shrink(mask, inner)
        case "smooth", "median":
            return ndi.median_filter(mask.astype(np.uint8), footprint=footprint(mm)).astype(bool)
        case "smooth", "opening":
            ball = footprint(mm)
            return ndi.binary_dilation(ndi.binary_erosion(mask, ball, border_value=1), ball)
        case "smooth", "closing":
            ball = footprint(mm)
            return ndi.binary_erosion(ndi.binary_dilation(mask, ball), ball, border_value=1)
        case "smooth", "gaussian":
            return gaussian(mask, mm) >= 0.5
        case "remove_small", _:
            found, sizes = components(mask, given.get("connectivity"))
            ml = np.prod(SPACING_MM) / 1000
            small = sizes < int(given["min_voxels"]) if "min_voxels" in given else sizes * ml < float(given["min_ml"])
            return mask & ~small[found]
        case "keep_largest", _:
            found, sizes = components(mask, given.get("connectivity"))
            return found == 1 + np.argmax(sizes[1:])
        case "fill_holes", _:
            return holes_filled(mask, given.get("plane"))
        case "logic", op:
            other = now == int(given.get("with", 0))
            return {"copy": other, "add": mask | other, "subtract": mask & ~other,
                    "intersect": mask & other, "invert": ~mask}[op]
        case "mirror", _:
            # The grid of the test runs from right to left, from back to front and from head to feet.
            axis = {"left_right": 0, "anterior_posterior": 1, "superior_inferior": 2}[given["axis"]]
            about = float(given.get("about", (DIMS[axis] - 1) / 2))
            mirrored = np.zeros(DIMS, bool)
            for index in range(DIMS[axis]):
                source = int(round(2 * about - index))
                if 0 <= source < DIMS[axis]:
                    np.moveaxis(mirrored, axis, 0)[index] = np.moveaxis(mask, axis, 0)[source]
            return mirrored
        case "clear", _:
            return mask & ~in_box(given)
        case "crop", _:
            return mask & in_box(given)
        case "copy_slice", _:
            copied = np.moveaxis(mask.copy(), AXES[given["plane"]], 0)
            copied[int(given["to"])] = copied[int(given["from"])]
            return np.moveaxis(copied, 0, AXES[given["plane"]])
        case "interpolate", _:
            return interpolated(mask, AXES[given["plane"]])
        case "random_walker", _:
            return walked(label, given, now) | mask
        case "region_grow", _:
            at = tuple(int(v) for v in given["at"].split(","))
            tolerance = float(given.get("tolerance", 0))
            low, high = float(given.get("low", SCAN[at] - tolerance)), float(given.get("high", SCAN[at] + tolerance))
            found, _ = components((SCAN >= low) & (SCAN <= high), given.get("connectivity", "6"))
            return (found == found[at]) & (found > 0) | mask
    raise ValueError(id)


def in_box(given):
    inside = np.zeros(DIMS, bool)
    corners = [int(v) for v in given.get("box", "0,0,0,999,999,999").split(",")]
    pairs = [sorted((corners[d], corners[d + 3])) for d in range(3)]
    inside[tuple(slice(low, high + 1) for low, high in pairs)] = True
    return inside


def walked(label, given, now):
    """What scikit-image's random walker gives a label in a box, solved directly; other labels and the faces of the box
    inside the scan are background."""
    box = in_box(given)
    at = tuple(slice(x.min(), x.max() + 1) for x in np.nonzero(box))
    seeds = np.where(now[at] == label, 1, np.where(now[at] > 0, 2, 0))
    for d in range(3):
        for index, end in ((at[d].start, 0), (at[d].stop - 1, DIMS[d] - 1)):
            if index != end:
                face = np.moveaxis(seeds, d, 0)[index - at[d].start]
                face[face == 0] = 2
    values = (SCAN[at] - SCAN[at].min()) / np.ptp(SCAN[at])
    shares = random_walker(values, seeds, beta=float(given.get("beta", 130)), mode="bf", spacing=SPACING_MM,
                           return_full_prob=True)[0]
    # Nothing hangs on a rounding.
    assert np.abs(shares - 0.5).min() > 2e-5, np.abs(shares - 0.5).min()
    found = np.zeros(DIMS, bool)
    found[at] = shares >= 0.5
    return found


def interpolated(mask, axis):
    slices = np.moveaxis(mask.copy(), axis, 0)
    sampling = [s for d, s in enumerate(SPACING_MM) if d != axis]

    def signed(slice):
        return (ndi.distance_transform_edt(slice, sampling=sampling)
                - ndi.distance_transform_edt(~slice, sampling=sampling))

    drawn = [n for n in range(len(slices)) if slices[n].any()]
    for a, b in zip(drawn, drawn[1:]):
        below, above = signed(slices[a]), signed(slices[b])
        for n in range(a + 1, b):
            slices[n] = (b - n) * below + (n - a) * above >= -1e-9
    return np.moveaxis(slices, 0, axis)


def joint(now, chosen, mm):
    shares = [gaussian(~np.isin(now, chosen), mm)] + [gaussian(now == label, mm) for label in chosen]
    return np.array([0] + chosen)[np.argmax(shares, axis=0)]


def applied(text, now):
    id, given = parsed(text)
    locked = [int(v) for v in given.get("locked", "").split(",") if v]
    over = given.get("over", "")
    takes = np.ones(70000, bool) if over == "all" else np.isin(np.arange(70000), [0] + [int(v) for v in over.split(",") if v])
    new = now.copy()
    if given.get("method") == "joint":
        chosen = [int(v) for v in given["labels"].split(",")]
        best = joint(now, chosen, float(given["mm"]))
        taken = (takes[now] | np.isin(now, chosen)) & (best > 0)
        new[taken] = best[taken]
        new[np.isin(now, chosen) & (best == 0)] = 0
    elif id == "merge":
        new[np.isin(now, [int(v) for v in given["labels"].split(",")])] = int(given["into"])
    elif id == "split_islands":
        found, sizes = components(now == int(given["label"]), given.get("connectivity"))
        order = sorted(range(1, len(sizes)), key=lambda n: -sizes[n])
        free = (v for v in range(1, 1000) if v not in (1, 2, 3, 4))
        for component in order[1:]:
            if sizes[component] >= int(given.get("min_voxels", 1)):
                new[found == component] = next(free)
    else:
        for label in [int(v) for v in (given.get("label") or given["labels"]).split(",")]:
            gained = result(id, given, new, label)
            lost = (new == label) & ~gained
            new[gained & (takes[new] | (new == label))] = label
            new[lost] = 0
    frozen = np.isin(now, locked) | np.isin(new, locked)
    return np.where(frozen, now, new)


def digest(now):
    flat = now.ravel(order="F").astype(np.uint64)
    checksum = int((flat * (np.arange(flat.size, dtype=np.uint64) + 1)).sum() % 1000003)
    values, counts = np.unique(flat[flat > 0], return_counts=True)
    return " ".join(f"{v}:{n}" for v, n in zip(values, counts)), checksum


OPERATIONS = """
threshold label=9 low=-100 high=100
threshold label=9 low=-100.5 high=100 within=1 over=1
threshold label=9 low=-100 high=100 invert over=all locked=2
threshold label=1 low=-100 high=100 within=1
margin label=1 mm=2.5
margin label=1 mm=2.4
margin label=1 mm=3.8 over=all
margin label=1 mm=3.8 over=2 locked=3
margin label=1 mm=3.8 over=all locked=2,3
margin label=1 mm=4 within=2 over=2
margin label=2 mm=-1.2
margin label=2 mm=-2.5
margin label=3 mm=-0.8
margin label=3 mm=3
margin label=4 mm=0
margin label=4 mm=-10
smooth label=1 method=median mm=1.3
smooth label=1 method=median mm=2.6 over=all
smooth label=3 method=median mm=2
smooth label=2 method=opening mm=1.5
smooth label=3 method=opening mm=1
smooth label=1 method=closing mm=2.6
smooth label=3 method=closing mm=2.5 over=all
smooth label=1 method=gaussian mm=1
smooth label=3 method=gaussian mm=0.9
smooth label=2 method=gaussian mm=3
smooth labels=1,2 method=median mm=1.3
smooth labels=1,2,3 method=joint mm=1.1
smooth labels=2,1 method=joint mm=2 over=3
smooth labels=1,2 method=joint mm=1.1 locked=2
remove_small label=1 min_voxels=2
remove_small label=1 min_voxels=2 connectivity=6
remove_small label=1 min_ml=0.02
remove_small label=3 min_voxels=5 connectivity=6
logic label=1 op=copy with=2 over=2
logic label=1 op=add with=2 over=all
logic label=9 op=add with=2 over=2
logic label=1 op=subtract with=2
logic label=1 op=intersect with=2
logic label=1 op=invert
logic label=1 op=invert over=all locked=4
fill_holes label=1
fill_holes label=1 plane=axial
fill_holes label=1 plane=coronal
fill_holes label=1 plane=sagittal
fill_holes label=3 plane=axial
fill_holes label=1 over=all
keep_largest label=1
keep_largest label=1 connectivity=6
keep_largest label=3 connectivity=6
keep_largest label=4
clear label=1
clear label=1 box=5,5,5,12,30,8
crop label=1 box=12,10,8,5,5,5
crop label=4 box=10,10,10,11,11,11
split_islands label=4
split_islands label=1 connectivity=6
split_islands label=1 connectivity=6 min_voxels=2
split_islands label=3 min_voxels=2
split_islands label=1 locked=1
hollow label=2 mm=1.3 side=inside
hollow label=2 mm=1.3 side=outside
hollow label=2 mm=2.6 side=centre
hollow label=3 mm=1.3 side=inside
hollow label=1 mm=2.5 side=outside over=2
merge labels=1,4 into=2
merge labels=1,2 into=1
merge labels=1,2,3 into=2 locked=3
copy_slice label=1 plane=axial from=6 to=7
copy_slice label=1 plane=coronal from=9 to=19
copy_slice label=1 plane=sagittal from=8 to=17 over=2
mirror label=1 axis=left_right
mirror label=1 axis=left_right about=9.5 over=all
mirror label=2 axis=anterior_posterior
mirror label=4 axis=superior_inferior about=4
interpolate label=4 plane=axial
interpolate label=2 plane=axial
interpolate label=4 plane=coronal
interpolate label=1 plane=sagittal
region_grow label=9 at=20,3,3 low=-200 high=200
region_grow label=9 at=17,12,8 low=300 high=1100
region_grow label=9 at=17,12,8 low=300 high=1100 over=all locked=2 connectivity=26
region_grow label=9 at=20,3,3 tolerance=300 connectivity=26
region_grow label=2 at=17,12,8 tolerance=400 over=1
random_walker label=1 box=3,3,2,15,15,10
random_walker label=1 box=3,3,2,15,15,10 beta=20 locked=2
random_walker label=2 box=10,6,4,23,19,13 beta=5
random_walker label=4 box=0,0,0,6,6,13 beta=1
""".strip().splitlines()

START = labels()
rows = ["\t".join(("start", *map(str, digest(START))))]
for text in OPERATIONS:
    rows.append("\t".join((text, *map(str, digest(applied(text, START))))))
(Path(__file__).parent / "data/operations.tsv").write_text("\n".join(rows) + "\n")
print("\n".join(rows))
