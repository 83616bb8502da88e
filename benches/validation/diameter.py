"""What looks at nothing but a diameter: the ball on the long axis of the truth in an axial slice."""

import nibabel
import numpy
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

TOUCHING = numpy.ones((3, 3, 3))


def ball_on_diameter(mask, affine):
    """The voxels, as a boolean volume, whose centres lie in the ball that has the long axis of the mask's largest part as
    its diameter; none where no slice has two voxels."""
    parts, _ = ndimage.label(mask, structure=TOUCHING)
    largest = parts == numpy.bincount(parts.ravel())[1:].argmax() + 1
    ends = long_axis(largest, affine)
    if ends is None:
        return numpy.zeros(mask.shape, bool)
    grid = numpy.stack(numpy.meshgrid(*map(numpy.arange, mask.shape), indexing="ij"), -1)
    from_middle = (grid - ends.mean(0)) @ affine[:3, :3].T
    radius = numpy.linalg.norm((ends[1] - ends[0]) @ affine[:3, :3].T) / 2
    return (from_middle**2).sum(-1) <= radius**2


def long_axis(mask, affine):
    """The two voxels, `[2, 3]`, of an axial slice that are farthest from each other, in the slice where they are
    farthest; `None` where no slice has two. As `prosector evaluate --protocol diameter` draws it."""
    axis = nibabel.io_orientation(affine)[:, 0].tolist().index(2)
    longest, found = 0.0, None
    for slice_ in range(mask.shape[axis]):
        flat = numpy.argwhere(mask.take(slice_, axis))
        if len(flat) < 2:
            continue
        corners = numpy.insert(_corners(flat), axis, slice_, axis=1)
        places = corners @ affine[:3, :3].T
        away = cdist(places, places)
        if away.max() > longest * (1 + 1e-6):
            longest = away.max()
            found = corners[list(numpy.unravel_index(away.argmax(), away.shape))]
    return found


def _corners(points):
    """Those of the points in a plane that are corners of their hull; all of them where they lie on a line."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return points
