"""What looks at nothing: the ellipsoid drawn into the box of the truth, tight or loosened."""

import math

import numpy


def ellipsoid_in_box(first, last, dims):
    """The voxels, as a boolean volume of shape `dims`, whose centres lie in the ellipsoid that touches all faces of the
    box from voxel `first` to voxel `last`, both included."""
    squares = numpy.zeros(())
    for axis in range(3):
        center = (first[axis] + last[axis]) / 2
        half_side = (last[axis] - first[axis] + 1) / 2
        square = ((numpy.arange(dims[axis]) - center) / half_side) ** 2
        squares = numpy.add.outer(squares, square)
    return squares <= 1.0


def box_of(mask, loosen_percent):
    """First and last voxel of the mask's box, as `prosector evaluate --loosen` moves its faces: outward by so many
    percent of the side, rounded to voxels, within the volume."""
    first, last = [], []
    for axis in range(3):
        inside = numpy.nonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))[0]
        side = int(inside[-1] - inside[0]) + 1
        margin = math.floor(side * loosen_percent / 100 + 0.5)
        first.append(max(int(inside[0]) - margin, 0))
        last.append(min(int(inside[-1]) + margin, mask.shape[axis] - 1))
    return first, last
