"""The labelled single scans, never trained on and never chosen on: a function for each group, giving its cases.

`data` is the folder of labelled scans, `written` one for volumes that have to be made. Left out: `sts_dicom_rtstruct`,
a training patient, and `niivue_brain_tumour`, whose label map holds strokes of a pen along planes and no structure.
"""

import json

import nibabel
import numpy

from .cases import Case
from .volumes import components, read_nrrd, values_of, write_labels, write_nrrd_as_nifti

MIN_ORGAN_VOXELS = 300
VERTEBRAE = {21: "vertebrae_L2", 22: "vertebrae_L3", 23: "vertebrae_L4"}
# The one vertebra that the scan does not cut, and the sub-regions that are its body.
WHOLE_VERTEBRA, BODY = 22, (49, 50)
TUMOUR_CORE = (1, 3, 4)


def lung_tumour(data, _):
    folder = data / "ibsi_lung_nsclc"
    yield Case("ibsi_lung", folder / "phantom.nii.gz", folder / "mask.nii.gz", "ct", {1: "lung_tumour"})


def abdomen(data, _):
    """Organs, muscles and bones, but for those of which the scan holds next to nothing."""
    folder = data / "ts_abdomen_3mm"
    truth = folder / "labels_v1_104.nii.gz"
    names = json.loads((folder / "label_names.json").read_text())
    sizes = numpy.bincount(values_of(nibabel.load(truth)).ravel())
    labels = {v: names[str(v)] for v in range(1, sizes.size) if sizes[v] >= MIN_ORGAN_VOXELS}
    yield Case("ts_abdomen", folder / "ct.nii.gz", truth, "ct", labels)


def thorax(data, _):
    """A dissected aorta with both its lumina, a vertebra, a pulmonary artery."""
    folder = data / "ts_aorta_1p5mm"
    scan = folder / "ct_cropped.nii.gz"
    lumina = folder / "T716_aorta_true_false_lumen.nii.gz"
    yield Case("ts_aorta", scan, folder / "aorta.nii.gz", "ct", {1: "aorta"})
    yield Case("ts_lumina", scan, lumina, "ct", {1: "aorta_true_lumen", 2: "aorta_false_lumen"})
    yield Case("ts_t12", scan, folder / "vertebrae_T12.nii.gz", "ct", {1: "vertebrae_T12"})
    folder = data / "ts_pulmonary_1p5mm"
    truth = folder / "pulmonary_artery.nii.gz"
    yield Case("ts_pulmonary", folder / "ct_cropped.nii.gz", truth, "ct", {1: "pulmonary_artery"})


def spine(data, written):
    """Three vertebrae, and body and arch of the one in the middle."""
    folder = data / "tptbox_spine"
    scan = folder / "sub-ct_label-22_ct.nii.gz"
    vertebrae = folder / "sub-ct_seg-vert_label-22_msk.nii.gz"
    yield Case("tptbox_vertebrae", scan, vertebrae, "ct", VERTEBRAE)
    image = nibabel.load(vertebrae)
    whole = values_of(image) == WHOLE_VERTEBRA
    regions = values_of(nibabel.load(folder / "sub-ct_seg-subreg_label-22_msk.nii.gz"))
    body = whole & numpy.isin(regions, BODY)
    parts = write_labels(written / "vertebra_parts.nii.gz", image.affine, [body, whole & ~body])
    yield Case("tptbox_parts", scan, parts, "ct", {1: "vertebral_body_L3", 2: "vertebral_arch_L3"})


def brats(data, written):
    """The whole tumour where FLAIR shows it, and its core where contrast does."""
    folder = data / "brats2013" / "brats_2013_pat0006_1"
    drawn = nibabel.load(folder / "OTMultiClass.nii.gz")
    values = values_of(drawn)
    whole = write_labels(written / "whole_tumour.nii.gz", drawn.affine, [values > 0])
    core = write_labels(written / "tumour_core.nii.gz", drawn.affine, [numpy.isin(values, TUMOUR_CORE)])
    flair, contrast = (folder / f"{kind}_subtrMeanDivStd.nii.gz" for kind in ("Flair", "T1c"))
    yield Case("brats_flair", flair, whole, "mr", {1: "whole_tumour"})
    yield Case("brats_t1c", contrast, core, "mr", {1: "tumour_core"})


def other(data, written):
    """A brain tumour, a breast tumour, and the insert of a prostate phantom, from NRRD files."""
    folder = data / "pyradiomics_nrrd"
    for name in ("brain", "breast"):
        voxels, affine = read_nrrd(folder / f"{name}1_label.nrrd")
        truth = write_labels(written / f"{name}_truth.nii.gz", affine, [voxels > 0])
        scan = write_nrrd_as_nifti(folder / f"{name}1_image.nrrd", written / f"{name}.nii.gz")
        yield Case(f"pyradiomics_{name}", scan, truth, "mr", {1: f"{name}_tumour"})
    yield _phantom(folder, written)


def _phantom(folder, written):
    """Its labels are ranges of brightness. Two things are bright: the surroundings, and the insert."""
    voxels, affine = read_nrrd(folder / "prostate_phantom_subvolume-label.nrrd")
    _, insert, *_ = components(voxels > 0)
    truth = write_labels(written / "phantom_truth.nii.gz", affine, [insert])
    scan = write_nrrd_as_nifti(folder / "prostate_phantom_subvolume.nrrd", written / "phantom.nii.gz")
    return Case("pyradiomics_phantom", scan, truth, "mr", {1: "phantom_insert"})


GROUPS = {
    "lung_tumour": lung_tumour,
    "abdomen": abdomen,
    "thorax": thorax,
    "spine": spine,
    "brats": brats,
    "other": other,
}
