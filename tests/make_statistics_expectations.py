#!/usr/bin/env python3
"""Prints the numbers that tests/it/statistics.rs expects, by NumPy and SciPy alone: pip install numpy scipy.

The scan is given by a formula; label 1 is an ellipsoid with a bite out of it, label 2 a bar with a bend. The grid is
turned and anisotropic.
"""

import numpy as np
from scipy.spatial.distance import pdist, squareform

DIMS = (20, 18, 12)
COLUMNS = np.array([[0.72, 0.96, 0.0], [-0.64, 0.48, 0.0], [0.0, 0.0, 2.5]])  # mm per voxel step, i, j, k
ORIGIN = np.array([-30.0, 12.5, 7.0])

i, j, k = np.indices(DIMS)
image = (i * i * 7 + j * 13 + k * 29) % 101 * 0.5 - 10.0
inside = ((i - 8) / 7.0) ** 2 + ((j - 7) / 5.0) ** 2 + ((k - 5) / 4.0) ** 2 <= 1
labels = np.where(inside & ~((i > 10) & (j > 8)), 1, 0)
labels[(j == 15) & (i >= 2) & (i <= 18) & (k == 9)] = 2
labels[(i == 18) & (j >= 12) & (j <= 15) & (k >= 9)] = 2


def recist(voxels):
    best = None
    for slice_index in np.unique(voxels[:, 2]):
        here = voxels[voxels[:, 2] == slice_index]
        points = here @ COLUMNS
        distances = squareform(pdist(points))
        a, b = np.unravel_index(distances.argmax(), distances.shape)
        if best is None or distances[a, b] > best[1] * (1 + 1e-6):
            best = (slice_index, distances[a, b], points, points[b] - points[a])
    slice_index, long_mm, points, long = best
    along = long / np.linalg.norm(long)
    across = np.cross([0, 0, 1], along)
    t, s = points @ along, points @ across
    step = abs(COLUMNS[0] @ along) + abs(COLUMNS[1] @ along)
    opposite = np.abs(t[:, None] - t[None, :]) <= step / 2 * (1 + 1e-6)
    return slice_index, long_mm, (np.abs(s[:, None] - s[None, :]) * opposite).max()


for value in (1, 2):
    voxels = np.argwhere(labels == value)
    values = image[labels == value]
    print(value, len(voxels), "voxels", len(voxels) * abs(np.linalg.det(COLUMNS)) / 1000, "ml")
    print("  mean, sd", values.mean(), values.std(ddof=1))
    print("  min, max, median", values.min(), values.max(), np.median(values))
    print("  longest", pdist(voxels @ COLUMNS).max())
    print("  recist", recist(voxels))
    print("  centroid", (voxels @ COLUMNS).mean(axis=0) + ORIGIN)
    # As if the values were SUV.
    where = np.argwhere(np.ones(DIMS)) @ COLUMNS
    radius = (750 / np.pi) ** (1 / 3)
    ball = [np.linalg.norm(where - v @ COLUMNS, axis=1) <= radius for v in voxels]
    peak = max(image.reshape(-1)[b].mean() for b in ball)
    hot = values[values >= 0.41 * values.max()]
    ml = abs(np.linalg.det(COLUMNS)) / 1000
    print("  suv max, peak, mean", values.max(), peak, values.mean())
    print("  suv mtv, tlg, threshold", len(hot) * ml, hot.sum() * ml, 0.41 * values.max())

# Boxes of 6, 4 and 3 voxels of 1, 1.5 and 4 mm: the short axis in each plane, by trying all pairs.
for plane, (n, step) in {
    "axial": ((6, 4), (1.0, 1.5)),
    "coronal": ((6, 3), (1.0, 4.0)),
    "sagittal": ((4, 3), (1.5, 4.0)),
}.items():
    points = np.argwhere(np.ones(n)) * step
    along = (points[-1] - points[0]) / np.linalg.norm(points[-1] - points[0])
    offsets = points[:, None] - points[None, :]
    opposite = np.abs(offsets @ along) <= np.abs(along) @ step / 2 * (1 + 1e-6)
    print(plane, (np.abs(offsets @ [-along[1], along[0]]) * opposite).max())
