"""Volumes that the cases need and the data do not hold: crops, unions, components, NRRD files as NIfTI.

Written files have their grid from the file they were made of, and are the same bytes each time.
"""

import nibabel
import nrrd
import numpy
from scipy import ndimage

# NRRD counts towards left and posterior, NIfTI towards right and anterior.
RAS_FROM_LPS = numpy.diag([-1.0, -1.0, 1.0, 1.0])
TOUCHING_26 = numpy.ones((3, 3, 3))


def values_of(image):
    """The label values of a NIfTI image, as integers of shape (i, j, k)."""
    return numpy.asanyarray(image.dataobj).astype(numpy.int32)


def components(mask):
    """The 26-connected components of a boolean volume, each a boolean volume, the largest first."""
    numbered, count = ndimage.label(mask, TOUCHING_26)
    sizes = numpy.bincount(numbered.ravel())[1:]
    return [numbered == number + 1 for number in numpy.argsort(-sizes, kind="stable")]


def write_labels(path, affine, masks):
    """Writes disjoint boolean volumes as the values 1, 2, ..; returns the path."""
    labels = numpy.zeros(masks[0].shape, numpy.uint8)
    for value, mask in enumerate(masks, start=1):
        labels[mask] = value
    return _write(path, labels, affine)


def read_nrrd(path):
    """Voxels of shape (i, j, k) and the affine in RAS millimetres of an NRRD file in LPS."""
    voxels, header = nrrd.read(str(path))
    if header["space"] != "left-posterior-superior":
        raise ValueError(f"{path}: its space is {header['space']}, not left-posterior-superior")
    lps_from_voxel = numpy.eye(4)
    lps_from_voxel[:3, :3] = header["space directions"].T
    lps_from_voxel[:3, 3] = header["space origin"]
    return voxels, RAS_FROM_LPS @ lps_from_voxel


def write_nrrd_as_nifti(source, path):
    """Writes the scan of an NRRD file as NIfTI; returns the path."""
    voxels, affine = read_nrrd(source)
    return _write(path, voxels, affine)


def write_crop(image, crop, path):
    """Writes the slices of a NIfTI image, the affine's origin moved along; returns the path."""
    nibabel.save(image.slicer[crop], path)
    return path


def _write(path, voxels, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path
