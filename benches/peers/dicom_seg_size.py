"""Time and peak memory to write and to read the segmentation of a large study, beside highdicom and dcmqi in one run.

    pip install highdicom==0.28.2 dcmqi==1.5.7 SimpleITK==2.5.7 nibabel==5.4.2
    python benches/peers/dicom_seg_size.py PROSECTOR [--slices 300] [--segments 20 100] [--repeat 1]

A CT series of 512 x 512 pixels is made, with balls as segments, which do not overlap. Ours is the whole command: writing
includes reading the NIfTI file and the headers of the series, and reading the file back; reading includes the NIfTI file
written. dcmqi's commands do the same from and to NRRD, without reading back. highdicom is a script in
a process of its own, from the NIfTI file to the DICOM file and back to labels, its imports (about a second) included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SPACING_MM = (0.8, 0.8, 1.0)


def make_series(folder, slices):
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    pixels = np.zeros((512, 512), np.int16)
    for k in range(slices):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = "made", "made", "", "O"
        image.StudyDate, image.StudyTime, image.AccessionNumber, image.StudyID = "20260101", "120000", "", "1"
        image.ReferringPhysicianName, image.Manufacturer, image.PositionReferenceIndicator = "", "", ""
        image.Modality, image.SeriesNumber, image.InstanceNumber = "CT", 1, k + 1
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.ImagePositionPatient = [-204.4, -204.4, k * SPACING_MM[2]]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing, image.SliceThickness = list(SPACING_MM[:2]), SPACING_MM[2]
        image.Rows = image.Columns = 512
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
        image.RescaleIntercept, image.RescaleSlope, image.KVP, image.AcquisitionNumber = 0, 1, 120, 1
        image.PixelData = pixels.tobytes()
        image.save_as(folder / f"{k:04}.dcm", enforce_file_format=True)


def draw(slices, count):
    labels = np.zeros((512, 512, slices), np.uint8)
    along = int(np.ceil(np.sqrt(count / 4)))
    radius = min(512 // (2 * along) - 4, slices // 8 - 2)
    ball = sum(x**2 for x in np.ogrid[tuple(slice(-radius, radius + 1) for _ in range(3))]) <= radius**2
    for n in range(count):
        centre = [
            (2 * (n % along) + 1) * 512 // (2 * along),
            (2 * (n // along % along) + 1) * 512 // (2 * along),
            (2 * (n // along**2 % 4) + 1) * slices // 8,
        ]
        part = labels[tuple(slice(c - radius, c + radius + 1) for c in centre)]
        part[ball] = n + 1
    return labels


def counts(labels):
    """Voxels of each segment."""
    return np.bincount(labels.ravel(), minlength=256)[1:]


def timed(command):
    """Seconds and highest resident megabytes; GNU time starts it, because a process begins with its parent's memory."""
    start = time.perf_counter()
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *map(str, command)], capture_output=True, text=True)
    if done.returncode:
        return None, (done.stderr or done.stdout).strip().splitlines()[-3:]
    return time.perf_counter() - start, int(done.stderr.splitlines()[-1]) / 1024


def dcmqi_description(path, count):
    tissue = {"CodeValue": "85756007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Tissue"}
    segments = [
        {
            "labelID": n + 1, "SegmentLabel": f"structure {n + 1}", "SegmentDescription": f"structure {n + 1}",
            "SegmentAlgorithmType": "MANUAL", "SegmentedPropertyCategoryCodeSequence": tissue,
            "SegmentedPropertyTypeCodeSequence": tissue, "recommendedDisplayRGBValue": [200, 100, 50],
        }
        for n in range(count)
    ]
    path.write_text(json.dumps({
        "ContentCreatorName": "peer", "ClinicalTrialSeriesID": "1", "ClinicalTrialTimePointID": "1",
        "SeriesDescription": "peer", "SeriesNumber": "300", "InstanceNumber": "1", "BodyPartExamined": "",
        "segmentAttributes": [segments],
    }))


def highdicom(job, kind, series, labels_path, out):
    """Writes or reads with highdicom; runs in a process of its own."""
    import highdicom as hd
    from highdicom.sr.coding import CodedConcept

    if job == "read":
        seg = hd.seg.segread(out)
        volume = seg.get_volume(combine_segments=True, relabel=False, skip_overlap_checks=True)
        labels = volume.array.transpose(2, 1, 0)
        nib.save(nib.Nifti1Image(labels.astype(np.uint8), np.eye(4)), labels_path)
        return
    images = [pydicom.dcmread(f) for f in sorted(Path(series).iterdir())]
    dense = np.asarray(nib.load(labels_path).dataobj).transpose(2, 1, 0)
    tissue = CodedConcept("85756007", "SCT", "Tissue")
    described = [
        hd.seg.SegmentDescription(
            segment_number=n, segment_label=f"structure {n}", segmented_property_category=tissue,
            segmented_property_type=tissue, algorithm_type="MANUAL",
        )
        for n in range(1, int(dense.max()) + 1)
    ]
    hd.seg.Segmentation(
        source_images=images, pixel_array=dense, segmentation_type=kind, segment_descriptions=described,
        series_instance_uid=hd.UID(), series_number=5, sop_instance_uid=hd.UID(), instance_number=1,
        manufacturer="peer", manufacturer_model_name="peer", software_versions="1", device_serial_number="1",
    ).save_as(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--segments", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    tools = Path(sys.executable).parent
    print("| segments | kind | by | write s | write MB | read s | read MB | file MB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        series = work / "series"
        series.mkdir()
        make_series(series, options.slices)
        for count in options.segments:
            labels = draw(options.slices, count)
            nifti, nrrd, described = work / "labels.nii.gz", work / "labels.nrrd", work / "described.json"
            affine = np.diag([-SPACING_MM[0], -SPACING_MM[1], SPACING_MM[2], 1.0])
            affine[:3, 3] = [204.4, 204.4, 0]
            nib.save(nib.Nifti1Image(labels, affine), nifti)
            image = sitk.GetImageFromArray(labels.transpose(2, 1, 0))
            image.SetSpacing(SPACING_MM)
            image.SetOrigin((-204.4, -204.4, 0))
            sitk.WriteImage(image, str(nrrd), True)
            dcmqi_description(described, count)
            back = work / "back.nii.gz"
            for kind in ("seg", "labelmap"):
                out = work / "seg.dcm"
                child = [sys.executable, __file__, "--child"]
                hd_kind = "BINARY" if kind == "seg" else "LABELMAP"
                ways = {
                    "Prosector": (
                        [options.program, "labels", nifti, "--scan", series, "-o", out, "--as", kind],
                        [options.program, "labels", out, "--scan", series, "-o", back],
                    ),
                    "highdicom": (
                        [*child, "write", hd_kind, series, nifti, out],
                        [*child, "read", hd_kind, series, back, out],
                    ),
                }
                read_into = work / "dcmqi"
                read_into.mkdir(exist_ok=True)
                ways["dcmqi"] = (
                    [tools / "itkimage2segimage", "--inputImageList", nrrd, "--inputDICOMDirectory", series,
                     "--inputMetadata", described, "--outputDICOM", out, "--segmentationType",
                     "binary" if kind == "seg" else "labelmap"],
                    [tools / "segimage2itkimage", "--inputDICOM", out, "--outputDirectory", read_into,
                     "--outputType", "nrrd", "--mergeSegments"],
                )
                for by, (write, read) in ways.items():
                    out.unlink(missing_ok=True)
                    back.unlink(missing_ok=True)
                    written = min((timed(write) for _ in range(options.repeat)), key=lambda t: t[0] or 0)
                    if written[0] is None:
                        print(f"| {count} | {kind} | {by} | refused: {' '.join(written[1])[:200]} | | | | |", flush=True)
                        continue
                    got = min((timed(read) for _ in range(options.repeat)), key=lambda t: t[0] or 0)
                    if got[0] is None:
                        got = (float("nan"), float("nan"))
                    # highdicom gives only the slices that have segments.
                    if back.exists() and (counts(np.asarray(nib.load(back).dataobj)) != counts(labels)).any():
                        sys.exit(f"{by}, {kind}, {count} segments: other voxels come back")
                    print(
                        f"| {count} | {kind} | {by} | {written[0]:.2f} | {written[1]:.0f} | {got[0]:.2f} | {got[1]:.0f} "
                        f"| {out.stat().st_size / 1e6:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        highdicom(*sys.argv[2:])
    else:
        main()
