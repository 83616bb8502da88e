"""The validation patients of the training data, by data set: a function each, from patients to cases.

`data` is the folder of the data set, `written` one for volumes that have to be made.
"""

import random

import nibabel
import numpy

from .cases import Case
from .volumes import components, values_of, write_crop, write_labels

CROP_MARGIN_MM = (5.0, 40.0)
CROP_SEED = 20260101
CROPS = 3
MIN_LESION_VOXELS = 100

ORGANS = {
    1: "brainstem",
    2: "spinal_cord",
    3: "right_parotid",
    4: "left_parotid",
    5: "esophagus",
    6: "larynx",
    7: "mandible",
}
HIPPOCAMPUS = {1: "anterior_hippocampus", 2: "posterior_hippocampus"}
HEART = {1: "heart_ventricle_left", 2: "heart_myocardium"}
SARCOMA_SCANS = {"CT": "ct", "MR_T1": "mr", "PET": "pet"}


def head_neck(data, _, patients):
    """Organs not contoured in a patient are unknown there."""
    for patient in patients:
        image, truth = data / f"{patient}_ct.nii.gz", data / f"{patient}_oar.nii.gz"
        yield Case(patient, image, truth, "ct", ORGANS, absent_is_unknown=True)


def hippocampus(data, _, patients):
    for patient in patients:
        image, truth = data / "images" / f"{patient}.nii.gz", data / "labels" / f"{patient}.nii.gz"
        yield Case(patient, image, truth, "mr", HIPPOCAMPUS)


def sarcoma(data, written, patients):
    """Re-cropped: the scans are cropped evenly around the tumour, which gives its place away. The margins are random
    and unequal, but always the same ones."""
    for patient in patients:
        for kind, modality in SARCOMA_SCANS.items():
            image_path = data / patient / f"{kind}_image.nii.gz"
            if not image_path.exists():
                continue
            image = nibabel.load(image_path)
            mask = nibabel.load(image_path.with_name(f"{kind}_mask.nii.gz"))
            for n in range(CROPS):
                name = f"{patient}_{modality}_{n + 1}"
                crop = _random_crop(mask, random.Random(f"{CROP_SEED} {name}"))
                scan = write_crop(image, crop, written / f"{name}.nii.gz")
                truth = write_crop(mask, crop, written / f"{name}_truth.nii.gz")
                yield Case(name, scan, truth, modality, {1: "sarcoma"}, patient=patient)


def brain_tumour(data, written, patients):
    """The enhancing rim together with the core that it encloses."""
    for patient in patients:
        drawn = nibabel.load(data / f"{patient}_pre_label.nii.gz")
        truth = write_labels(written / f"{patient}_truth.nii.gz", drawn.affine, [values_of(drawn) > 0])
        yield Case(patient, data / f"{patient}_pre_mr.nii.gz", truth, "mr", {1: "brain_tumour"})


def ms_lesions(data, written, patients):
    """Each lesion of some size for itself: no box and no click means all of them at once."""
    for patient in patients:
        drawn = nibabel.load(data / f"{patient}_label.nii.gz")
        lesions = [m for m in components(values_of(drawn) > 0) if m.sum() >= MIN_LESION_VOXELS]
        truth = write_labels(written / f"{patient}_truth.nii.gz", drawn.affine, lesions)
        names = {n: f"ms_lesion_{n}" for n in range(1, len(lesions) + 1)}
        yield Case(patient, data / f"{patient}_flair.nii.gz", truth, "mr", names)


def heart(data, _, patients):
    """What is not drawn in a phase is unknown there."""
    for patient in patients:
        for image in sorted(data.glob(f"{patient}_ph*_mr.nii.gz")):
            name = image.name.removesuffix("_mr.nii.gz")
            truth = data / f"{name}_label.nii.gz"
            yield Case(name, image, truth, "mr", HEART, absent_is_unknown=True, patient=patient)


def prostate_mr(data, _, patients):
    return _prostate(data, patients, "mr")


def prostate_us(data, _, patients):
    """Opened as MR, there being no ultrasound among the modalities."""
    return _prostate(data, patients, "us")


def _prostate(data, patients, kind):
    for patient in patients:
        image, truth = data / f"{patient}_{kind}.nii.gz", data / f"{patient}_{kind}_label.nii.gz"
        yield Case(f"{patient}_{kind}", image, truth, "mr", {1: "prostate"}, patient=patient)


def _random_crop(mask, rng):
    """Slices of the mask's box with a margin of its own on each face, within the scan."""
    spacing_mm = mask.header.get_zooms()[:3]
    inside = numpy.nonzero(numpy.asanyarray(mask.dataobj))
    crop = []
    for axis in range(3):
        margins = [round(rng.uniform(*CROP_MARGIN_MM) / spacing_mm[axis]) for _ in range(2)]
        first = max(int(inside[axis].min()) - margins[0], 0)
        last = min(int(inside[axis].max()) + margins[1], mask.shape[axis] - 1)
        crop.append(slice(first, last + 1))
    return tuple(crop)


# By group: the data set in the splits file, which is also its folder in the data, and its cases.
GROUPS = {
    "head_neck": ("head_neck", head_neck),
    "hippocampus": ("hippocampus", hippocampus),
    "sarcoma": ("sarcoma", sarcoma),
    "brain_tumour": ("brain_tumour", brain_tumour),
    "ms_lesions": ("ms_lesions", ms_lesions),
    "heart": ("heart_cine", heart),
    "prostate_mr": ("prostate_mr_us", prostate_mr),
    "prostate_us": ("prostate_mr_us", prostate_us),
}

# By data set: a file or folder of each patient, and what its name goes on with after the patient's.
_FILES = {
    "head_neck": ("*_ct.nii.gz", "_ct"),
    "hippocampus": ("images/*.nii.gz", ".nii"),
    "sarcoma": ("STS_*", "/"),
    "brain_tumour": ("*_pre_mr.nii.gz", "_pre"),
    "ms_lesions": ("*_flair.nii.gz", "_flair"),
    "heart_cine": ("*_mr.nii.gz", "_ph"),
    "prostate_mr_us": ("*_mr.nii.gz", "_mr"),
}


def training(data, data_set, validation, most):
    """Training patients of a data set, `most` at most, spread evenly over their order."""
    pattern, after = _FILES[data_set]
    names = {path.name.partition(after)[0] for path in (data / data_set).glob(pattern)}
    patients = sorted(names - set(validation))
    step = -(-len(patients) // most)
    return patients[::step]
