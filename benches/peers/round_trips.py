"""The table of round trips: SEG, label map and RTSTRUCT of each series through every peer, and the other label files, in one
run with the peers' versions. Prints Markdown, which is kept in benches/peers/README.md.

    apt install plastimatch dicom3tools
    pip install highdicom==0.28.2 dcmqi==1.5.7 SimpleITK==2.5.7 pynrrd==1.1.3 slicerio==1.4.0 dcmrtstruct2nii==5 nibabel==5.4.2
    python benches/peers/round_trips.py PROSECTOR SERIES[=RTSTRUCT] ..

SERIES is a folder of one DICOM image series, RTSTRUCT a structure set of it that is read too. Of the first one two copies are made and taken too: turned about two axes
(oblique), and with a gantry tilted by 15 degrees. The exit code is the number of checks that failed but for those that the
peer cannot do, as highdicom makes no volume of tilted slices.
"""

import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pydicom

HERE = Path(__file__).parent
PYTHON_PEERS = ("highdicom", "pydicom", "dcmqi", "SimpleITK", "pynrrd", "slicerio", "dcmrtstruct2nii", "nibabel")
DEBIAN_PEERS = ("plastimatch", "dicom3tools")
COLUMNS = (
    ("SEG: highdicom", "seg: highdicom"),
    ("dcmqi", "seg: dcmqi"),
    ("dciodvfy", "seg: dciodvfy"),
    ("label map: highdicom", "labelmap: highdicom"),
    ("dcmqi", "labelmap: dcmqi"),
    ("dciodvfy", "labelmap: dciodvfy"),
    ("highdicom's in", "highdicom's"),
    ("back in ours", "Prosector, voxels equal"),
)
CONTOURS = (
    ("RTSTRUCT: plastimatch", "written, plastimatch"),
    ("dcmrtstruct2nii", "written, dcmrtstruct2nii"),
    ("back in ours", "written, Prosector"),
    ("theirs in ours and plastimatch", "read, plastimatch"),
    ("and dcmrtstruct2nii", "read, dcmrtstruct2nii"),
)


def images_of(series):
    found = [pydicom.dcmread(f) for f in sorted(series.rglob("*")) if f.is_file()]
    return [image for image in found if "PixelData" in image]


def keep(images, folder):
    folder.mkdir()
    uids = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    for n, image in enumerate(images):
        image.SeriesInstanceUID, image.FrameOfReferenceUID = uids
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        image.save_as(folder / f"{n:04}.dcm")
    return folder


def turned(series, folder):
    """The same images, turned by 17 degrees about the patient's long axis and 11 about the left-right one."""
    a, b = np.deg2rad(17), np.deg2rad(11)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn = about_x @ about_z
    images = images_of(series)
    for image in images:
        place = turn @ np.array(image.ImagePositionPatient, float)
        axes = np.array(image.ImageOrientationPatient, float).reshape(2, 3) @ turn.T
        image.ImagePositionPatient = [f"{v:.6f}" for v in place]
        image.ImageOrientationPatient = [f"{v:.9f}" for v in axes.ravel()]
    return keep(images, folder)


def tilted(series, folder):
    """The same images, each shifted along its columns by how far along the normal it lies: a tilted gantry."""
    images = images_of(series)
    for image in images:
        row, column = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
        place = np.array(image.ImagePositionPatient, float)
        along = np.cross(row, column) @ place
        image.ImagePositionPatient = [f"{v:.6f}" for v in place + column * along * np.tan(np.deg2rad(15))]
    return keep(images, folder)


def lines_of(script, program, *arguments):
    done = subprocess.run(
        [sys.executable, str(HERE / script), program, *map(str, arguments)], capture_output=True, text=True
    )
    if "Traceback" in done.stderr:
        print(done.stderr.strip().splitlines()[-1], file=sys.stderr)
    return done.stdout.splitlines()


def passed(lines, check):
    own = [line for line in lines if check in line]
    failed = [line for line in own if " FAILED " in line]
    if not own:
        return "-"
    if not failed:
        return "ok"
    if "dciodvfy" in check:
        return "error"
    # A volume that the peer refuses to make is no wrong voxel.
    return "no volume" if all("error" in line.lower() for line in failed) else "**differs**"


def dices(lines, peer):
    own = [line for line in lines if peer in line]
    if any("refused:" in line for line in own):
        return "refused"
    found = [float(m.group(1)) for line in own if (m := re.search(r"Dice ([0-9.]+)", line))]
    return f"{min(found):.4f}" if found else "-"


def row(program, name, series):
    seg = lines_of("dicom_seg.py", program, series.partition("=")[0])
    contours = lines_of("dicom_rtstruct.py", program, series)
    cells = [passed(seg, check) for _, check in COLUMNS] + [dices(contours, peer) for _, peer in CONTOURS]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    low = [cell for cell in cells[len(COLUMNS) :] if cell[0].isdigit() and float(cell) < 0.99]
    return sum(cell == "**differs**" for cell in cells) + len(low)


def versions():
    named = [f"{peer} {version(peer)}" for peer in PYTHON_PEERS]
    for peer in DEBIAN_PEERS:
        asked = subprocess.run(["dpkg-query", "-W", "-f=${Version}", peer], capture_output=True, text=True)
        named.append(f"{peer} {asked.stdout or 'missing'}")
    return ", ".join(named)


def main():
    program, *series = sys.argv[1:]
    print(f"Peers: {versions()}.\n")
    titles = ["series"] + [title for title, _ in COLUMNS] + [title for title, _ in CONTOURS]
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles), flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        folders = [Path(given.partition("=")[0]) for given in series]
        named = [("/".join(folder.parts[-3:]), given) for folder, given in zip(folders, series)]
        named.append((f"{named[0][0]}, turned (oblique)", str(turned(folders[0], work / "turned"))))
        named.append((f"{named[0][0]}, tilted by 15 degrees", str(tilted(folders[0], work / "tilted"))))
        for name, given in named:
            failed += row(program, name, given)
    files = lines_of("label_files.py", program)
    wrong = [line for line in files if " FAILED " in line]
    print(f"\nOther label files (NIfTI, NRRD, .seg.nrrd, MetaImage): {len(files) - len(wrong)} of {len(files)} checks pass.")
    for line in wrong:
        print(f"- {' '.join(line.split())}")
    sys.exit(min(failed + len(wrong), 100))


if __name__ == "__main__":
    main()
