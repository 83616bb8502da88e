"""Whether the device gives what the processor gives: recordings, pictures, masks.

Writes check.json and ends with 0 where everything that ran agrees.
"""

import os
import re
import sys
from pathlib import Path

import numpy
from PIL import Image

from kit import ROOT, Kit, Report, arguments, machine

LEAST_DICE = 0.999
# As the renderer's tests have it: of two hundred pixels one may differ by more than this, at a border.
LEVELS, PIXELS = 2, 200
# Voxels of the built-in phantom where the three planes meet.
PLACES = ["68,53,50", "40,70,12", "80,50,85"]
# Its lesion, and what is found without a prompt.
PROMPTS = {
    "a click": ["--click", "68,53,50"],
    "a box": ["--box", "63,46,39,73,59,58"],
    "automatic": ["--auto"],
}
QUICK_RECORDINGS = 2


def parity(kit: Kit, report: Report) -> None:
    """Each recording in a process of its own, the smallest first: one that takes too long costs only itself."""
    recordings = sorted((ROOT / "recordings").iterdir(), key=_size)
    for folder in recordings[:QUICK_RECORDINGS] if kit.is_quick else recordings:
        command = [kit.program("prosector"), "parity", folder, "--device", kit.program_device, "--json"]
        done = kit.run(command)
        try:
            found = done.last_json()["fixtures"]
        except ValueError:
            report.add(what="recording", name=folder.name, passed=False, reason=done.reason)
            continue
        for fixture in found:
            worst = max((row["max_abs"] or 0.0 for row in fixture["tensors"]), default=None)
            report.add(
                what="recording",
                name=fixture["file"],
                passed=fixture["pass"],
                worst=worst,
                seconds=fixture["seconds"],
                reason=fixture.get("reason"),
            )


def pictures(kit: Kit, report: Report) -> None:
    """The device's pictures against those of the renderer's twin on the processor."""
    scan, truth = ROOT / "scans" / "phantom.nii.gz", ROOT / "scans" / "truth.nii.gz"
    for n, place in enumerate(PLACES[:1] if kit.is_quick else PLACES):
        drawn = {}
        for device in (kit.arguments.device, "cpu"):
            picture = kit.work / f"{device}_{n}.png"
            command = [kit.program("prosector"), "screenshot", scan, "--labels", truth, "--at", place, "-o", picture]
            done = kit.run(command, device=device)
            if done.reason:
                report.add(what="picture", name=place, passed=False, reason=done.reason)
                return
            drawn[device] = (picture, re.search(r"drawn by: (.*)\)", done.stdout + done.stderr)[1])
        (ours, adapter), (twin, twins) = drawn[kit.arguments.device], drawn["cpu"]
        pixels = [numpy.asarray(Image.open(path).convert("RGB"), dtype=int) for path in (ours, twin)]
        differing = int((abs(pixels[0] - pixels[1]).max(-1) > LEVELS).sum())
        passed = twins == "CPU" and differing <= pixels[0][..., 0].size // PIXELS
        report.add(what="picture", name=place, passed=passed, adapter=adapter, differing_pixels=differing)


def masks(kit: Kit, report: Report) -> None:
    """Masks of the built-in phantom by the device against those by the processor."""
    scan = ROOT / "scans" / "phantom.nii.gz"
    for name, words in list(PROMPTS.items())[:1] if kit.is_quick else PROMPTS.items():
        answers, mask = {}, {}
        for device in dict.fromkeys((kit.program_device, "cpu")):
            mask[device] = kit.work / f"mask_{device}.nii.gz"
            command = [kit.program("prosector"), "segment", scan, *words, "--device", device, "-o", mask[device], "--json"]
            done = kit.run(command)
            if done.reason:
                report.add(what="mask", name=name, passed=False, reason=f"{device}: {done.reason}")
                return
            answers[device] = done.last_json()
        command = [kit.program("prosector"), "evaluate", "--pred", mask[kit.program_device], "--truth", mask["cpu"], "--json"]
        done = kit.run(command)
        if done.reason:
            report.add(what="mask", name=name, passed=False, reason=done.reason)
            continue
        dice = min(row["dice"] for row in done.last_json()["cases"])
        answer = answers[kit.program_device]
        report.add(
            what="mask",
            name=name,
            passed=dice >= LEAST_DICE,
            adapter=answer["device"],
            dice=dice,
            seconds=answer["seconds"],
            cpu_seconds=answers["cpu"]["seconds"],
        )


def _size(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def main() -> None:
    kit = Kit(arguments(__doc__))
    report = Report(kit.out / "check.json", machine=machine(kit))
    for part in (pictures, masks, parity):
        part(kit, report)
    failed = [row for row in report.content["rows"] if not row["passed"]]
    print(f"{len(report.content['rows'])} compared, {len(failed)} do not agree or did not run")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
