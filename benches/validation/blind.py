"""What looks at nothing but where the truth lies: shapes drawn by its box or its diameter."""

import tempfile
from pathlib import Path

import nibabel

from .diameter import ball_on_diameter
from .ellipsoid import box_of, ellipsoid_in_box
from .volumes import values_of, write_labels

LOOSEN_PERCENT = 15


def _ellipsoid(loosen_percent):
    return lambda mask, affine: ellipsoid_in_box(*box_of(mask, loosen_percent), mask.shape)


# What is drawn, by the column of the table.
SHAPES = {
    "ellipsoid": _ellipsoid(0),
    "loose_ellipsoid": _ellipsoid(LOOSEN_PERCENT),
    "ball": ball_on_diameter,
}


def measure(prosector, cases, shape):
    """A row, as `prosector evaluate --json` has them, for this of `SHAPES` of each label of each case that is there."""
    rows = []
    for case in cases:
        truth = nibabel.load(case.truth)
        values = values_of(truth)
        for value, name in case.labels.items():
            mask = values == value
            if not mask.any():
                continue
            drawn = SHAPES[shape](mask, truth.affine)
            with tempfile.TemporaryDirectory() as folder:
                path = write_labels(Path(folder) / "drawn.nii", truth.affine, [drawn])
                row = prosector.compare(path, case.truth, value)
            rows.append(row | {"id": case.id, "name": name, "modality": case.modality})
    return rows
