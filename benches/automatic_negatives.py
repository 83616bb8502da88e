#!/usr/bin/env python3
"""What the automatic path finds where nothing of the kind is, what it loses where it is, in which time and memory.

Usage: cargo build --release, pip install nibabel numpy pynrrd scipy, then
       python3 benches/automatic_negatives.py target/release/prosector shared/data
       python3 benches/automatic_negatives.py target/release/prosector shared/data --before OTHER/prosector --patients reporting

Prints a table: every scan of `labelled`, made scans that show no patient, and validation patients of
`assets/splits.toml`. The limits of `models/trust/anatomy` are measured on training patients (`benches/anatomy.py`), and
their slack was chosen on the patients to choose on (`--patients choosing`), the labelled scans and training scans of other
parts of the body (`--training`); figures of patients are quoted on those to report on. Scans of whole brains show
hippocampi: what is found there is listed apart, as nobody drew the truth.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import nibabel
import numpy

from validation.volumes import write_nrrd_as_nifti

ROOT = Path(__file__).resolve().parents[1]
HEAD_NECK = ["brainstem", "spinal_cord", "right_parotid", "left_parotid", "esophagus", "larynx", "mandible"]
HIPPOCAMPUS = ["anterior_hippocampus", "posterior_hippocampus"]
WHOLE_BRAINS = ("brats", "niivue", "brain1", "ms", "btp")


def labelled(data, written):
    """Name, scan and modality of every labelled scan; `None` where the scan says it."""
    folder = data / "labelled"
    yield "ts_abdomen", folder / "ts_abdomen_3mm/ct.nii.gz", "ct"
    yield "ts_aorta", folder / "ts_aorta_1p5mm/ct_cropped.nii.gz", "ct"
    yield "ts_pulmonary", folder / "ts_pulmonary_1p5mm/ct_cropped.nii.gz", "ct"
    yield "ibsi_lung_nifti", folder / "ibsi_lung_nsclc/phantom.nii.gz", "ct"
    yield "ibsi_lung_dicom", folder / "ibsi_lung_nsclc/dicom_image", None
    for series in ("CT", "MR_T1", "PET"):
        yield f"sts_002_{series}", folder / f"sts_dicom_rtstruct/STS_002/{series}/image", None
    yield "tptbox_spine", folder / "tptbox_spine/sub-ct_label-22_ct.nii.gz", "ct"
    yield "niivue_flair", folder / "niivue_brain_tumour/FLAIR.nii.gz", "mr"
    for name in ("Flair", "T1c"):
        yield f"brats_{name}", folder / f"brats2013/brats_2013_pat0006_1/{name}_subtrMeanDivStd.nii.gz", "mr"
    for name, modality in (("brain1_image", "mr"), ("breast1_image", "ct"), ("breast1_image", "mr"), ("prostate_phantom_subvolume", "mr")):
        scan = written / f"{name}.nii.gz"
        if not scan.exists():
            write_nrrd_as_nifti(folder / f"pyradiomics_nrrd/{name}.nrrd", scan)
        yield f"{name}_{modality}", scan, modality


def made(data, written):
    """Scans that show no patient, and parts of patients turned or stretched until they show none."""
    chance = numpy.random.default_rng(14)

    def save(name, values, spacing):
        path = written / f"{name}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(values.astype(numpy.int16), numpy.diag([*spacing, 1.0])), path)
        return path

    grid = numpy.indices((96, 96, 80)) - numpy.array([48, 48, 40]).reshape(3, 1, 1, 1)
    ball = (grid**2).sum(0) < 36**2
    smooth = chance.normal(0, 1, (12, 12, 10)).repeat(8, 0).repeat(8, 1).repeat(8, 2)
    noise = chance.normal(0, 60, ball.shape)
    yield "noise", save("noise", noise, (3, 3, 3)), "ct"
    yield "noise", save("noise_mr", 500 + noise, (1, 1, 1)), "mr"
    yield "ball", save("ball", numpy.where(ball, 40, -1000) + noise / 6, (3, 3, 3)), "ct"
    yield "ball", save("ball_mr", numpy.where(ball, 400, 20) + noise / 3, (1, 1, 1)), "mr"
    yield "blobs", save("blobs", numpy.where(ball, 300 * smooth, -1000) + noise / 3, (3, 3, 3)), "ct"
    yield "blobs", save("blobs_mr", 500 + 150 * smooth + noise, (1, 1, 1)), "mr"
    abdomen = nibabel.load(data / "labelled/ts_abdomen_3mm/ct.nii.gz")
    values = numpy.asarray(abdomen.dataobj)
    yield "abdomen_upside_down", save("upside_down", values[:, :, ::-1], (3, 3, 3)), "ct"
    yield "abdomen_small", save("small", values, (2, 2, 2)), "ct"
    yield "abdomen_large", save("large", values, (4.5, 4.5, 4.5)), "ct"
    yield "abdomen_as_mr", save("as_mr", values[30:90, 20:80, 30:90], (1, 1, 1)), "mr"


def training(data):
    """Training scans of other parts of the body."""
    for scan in sorted((data / "train/sarcoma").glob("STS_*/*_image.nii.gz")):
        modality = scan.name.split("_")[0].lower()
        yield f"{scan.parent.name}_{modality}", scan, modality
    for name in ("heart_cine", "prostate_mr_us", "fetal_brain"):
        for scan in sorted((data / "train" / name).glob("*_mr.nii.gz"))[::3]:
            yield scan.name.removesuffix(".nii.gz"), scan, "mr"
    yield "btp_01", data / "train/brain_tumour/btp_01_pre_mr.nii.gz", "mr"
    yield "ms07_t1", data / "train/ms_lesions/ms07_t1.nii.gz", "mr"


def patients(data, group):
    """Name, scan, modality, truth and its names by value."""
    splits = tomllib.loads((ROOT / "assets/splits.toml").read_text())
    folder = data / "train"
    for name in splits["head_neck"][group]:
        names = dict(enumerate(HEAD_NECK, 1))
        yield name, folder / f"head_neck/{name}_ct.nii.gz", "ct", folder / f"head_neck/{name}_oar.nii.gz", names
    for name in splits["hippocampus"][group]:
        scan = folder / f"hippocampus/images/{name}.nii.gz"
        yield name, scan, "mr", folder / f"hippocampus/labels/{name}.nii.gz", dict(enumerate(HIPPOCAMPUS, 1))


def run(program, scan, modality, output):
    """The report of the automatic path, its wall time in s and its peak memory in MB; the refusal as text instead."""
    command = [program, "segment", scan, "-o", output, "--auto", "--device", "cpu", "--json"]
    command += ["--modality", modality] if modality else []
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        said, warned = process.communicate()
    seconds = time.monotonic() - start
    # The largest of all children so far would hide smaller ones; each run has its own parent.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report = json.loads(said) if process.returncode == 0 else warned.strip()
    return report, seconds, memory


def measured(*arguments):
    """`run` in a process of its own, for its memory."""
    code = "import sys, json; from automatic_negatives import run; print(json.dumps(run(*json.loads(sys.argv[1]))))"
    given = json.dumps([None if a is None else str(a) for a in arguments])
    answer = subprocess.run([sys.executable, "-c", code, given], capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    return json.loads(answer.stdout)


def dice(predicted, truth, names):
    """Dice by structure; the truth's values are 1, 2, .., the answer's those of its report."""
    image, true = (numpy.asarray(nibabel.load(path).dataobj).astype(int) for path in (predicted[0], truth))
    values = {label["name"]: label["value"] for label in predicted[1]["labels"]}
    found = {}
    for value, name in names.items():
        own, wanted = image == values.get(name, -1), true == value
        if wanted.any():
            found[name] = float(2 * (own & wanted).sum() / (own.sum() + wanted.sum()))
    return found


def in_words(report):
    if isinstance(report, str):
        return report[:110]
    return ", ".join(f"{label['name']} {label['volume_ml']:.1f} ml" for label in report["labels"]) or "nothing"


def negatives(program, cases, output):
    print("| scan | found | s | MB |\n|---|---|---|---|")
    wrong = []
    for name, scan, modality in cases:
        report, seconds, memory = measured(program, scan, modality, output)
        print(f"| {name} {modality or ''} | {in_words(report)} | {seconds:.1f} | {memory:.0f} |", flush=True)
        if not isinstance(report, str) and not name.startswith(WHOLE_BRAINS):
            wrong += [label["volume_ml"] for label in report["labels"]]
    large = sum(volume >= 5 for volume in wrong)
    print(f"\n{len(wrong)} structures found where they are not, {large} of 5 ml or more\n")


def positives(programs, cases, output):
    print("| patient | Dice" + " | Dice before" * (len(programs) - 1) + " | lost | s | MB |")
    print("|---" * (len(programs) + 4) + "|")
    means = {program: [] for program in programs}
    for name, scan, modality, truth, names in cases:
        columns, rows = [], []
        for program in programs:
            report, seconds, memory = measured(program, scan, modality, output)
            rows.append((dice((output, report), truth, names), seconds, memory))
            means[program] += rows[-1][0].values()
            columns.append(f"{numpy.mean(list(rows[-1][0].values())):.3f}")
        lost = ", ".join(n for n, d in rows[0][0].items() if d == 0) or "none"
        print(f"| {name} | {' | '.join(columns)} | {lost} | {rows[0][1]:.1f} | {rows[0][2]:.0f} |", flush=True)
    for program, values in means.items():
        print(f"\n{program}: mean Dice {numpy.mean(values):.4f} of {len(values)} structures")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # The program runs in another folder.
    absolute = lambda path: Path(path).resolve()
    parser.add_argument("program", type=absolute)
    parser.add_argument("data", type=absolute)
    parser.add_argument("--before", type=absolute, help="an older program, for the patients' Dice before")
    parser.add_argument("--patients", choices=("choosing", "reporting", "none"), default="reporting")
    parser.add_argument("--training", action="store_true", help="training scans of other parts of the body too")
    parser.add_argument("--only", default="", help="scans whose names begin so")
    arguments = parser.parse_args()
    programs = [p for p in (arguments.program, arguments.before) if p]
    wanted = [n for n in arguments.only.split(",") if n] or [""]
    with tempfile.TemporaryDirectory() as folder:
        written, output = Path(folder), Path(folder) / "found.nii.gz"
        cases = [*labelled(arguments.data, written), *made(arguments.data, written)]
        cases += training(arguments.data) if arguments.training else []
        cases = [case for case in cases if case[0].startswith(tuple(wanted))]
        if cases:
            negatives(programs[0], cases, output)
        if arguments.patients != "none":
            chosen = patients(arguments.data, arguments.patients)
            chosen = [case for case in chosen if case[0].startswith(tuple(wanted))]
            positives(programs, chosen, output)


if __name__ == "__main__":
    main()
