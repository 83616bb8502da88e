#!/usr/bin/env python3
"""Uses the tools of the real window as an annotator does, with xdotool: brush, polygon, interpolation, threshold, a click
prompt, undo, saving; and checks the labels that were saved.

Usage, on Linux with Xvfb, libXtst, xdotool and a Vulkan driver (Mesa's lavapipe does):
    python3 tests/drive_tools.py target/release/prosector SCAN.nii.gz [--low V --high V] [--click X Y] [--pictures FOLDER]

SCAN has voxels of 16 bit, axes to the left, back and head, and more than 10 slices. `--low` and `--high` are the threshold's,
`--click` is where in the window the target is clicked. One line says what was found; the exit code is 1 where that is wrong.
"""

import argparse
import array
import gzip
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from lost_work import HEIGHT, WIDTH, Desk, Lost, expect, idle, until, wait

# Fields of the window of an operation, from its second row on, its first choice in the list of the first of them, what
# applies it, and what closes it, in pixels of the screen.
FIELDS = [(208, 198), (208, 226)]
FIRST_CHOICE = (208, 228)
APPLY_INTERPOLATION, APPLY_THRESHOLD = (91, 293), (91, 374)
CLOSE = (384, 97)
# Corners of a polygon, and a stroke, in the axial view.
POLYGON = [(210, 300), (300, 300), (310, 380), (220, 390)]
STROKE = [(420, 330), (440, 340), (470, 345)]
APART = 4


class Hand:
    """A mouse and a keyboard, by xdotool."""

    def __init__(self, desk):
        self.desk = desk
        self.environment = {"DISPLAY": desk.display.name, "PATH": "/usr/bin:/bin"}

    def do(self, *words):
        command = ["xdotool", *map(str, words)]
        subprocess.run(command, env=self.environment, check=True)
        wait(0.4)

    def keys(self, *names):
        for name in names:
            self.do("key", name)

    def point(self, x, y):
        self.do("mousemove", x, y)

    def click(self, x, y):
        self.point(x, y)
        self.do("click", 1)

    def draw(self, points):
        self.point(*points[0])
        self.do("mousedown", 1)
        for place in points[1:]:
            self.point(*place)
        self.do("mouseup", 1)

    def outline(self, corners):
        for corner in corners:
            self.click(*corner)
        self.keys("Return")

    def type(self, text):
        self.do("type", "--delay", 8, text)


def voxels(path):
    """Dimensions and values of a NIfTI file, `i` fastest."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    dims = struct.unpack_from("<3h", content, 42)
    (kind,) = struct.unpack_from("<h", content, 70)
    slope, intercept = struct.unpack_from("<2f", content, 112)
    offset = int(struct.unpack_from("<f", content, 108)[0])
    values = array.array({2: "B", 4: "h", 512: "H"}[kind])
    count = dims[0] * dims[1] * dims[2]
    values.frombytes(content[offset : offset + count * values.itemsize])
    return dims, values, slope or 1.0, intercept


def next_label(hand, tool):
    hand.keys("n", tool)


def work(desk, hand, options, saved):
    """All that is done; gives the path that was saved to."""
    window = desk.open(options.scan)
    hand.keys("4")
    hand.draw(STROKE)
    desk.picture("brushed")
    # Two slices with an empty stretch between them, which is filled in.
    next_label(hand, "7")
    hand.outline(POLYGON)
    hand.point(260, 345)
    hand.keys(*["Up"] * APART)
    hand.outline(POLYGON)
    desk.picture("outlined")
    hand.keys("ctrl+i")
    hand.click(*FIELDS[0])
    # The first plane is the axial one.
    hand.click(*FIRST_CHOICE)
    hand.click(*APPLY_INTERPOLATION)
    desk.picture("interpolated")
    hand.click(*CLOSE)
    next_label(hand, "1")
    hand.keys("ctrl+t")
    for place, text in zip(FIELDS, (options.low, options.high)):
        hand.click(*place)
        hand.type(str(text))
    hand.click(*APPLY_THRESHOLD)
    desk.picture("thresholded")
    hand.click(*CLOSE)
    next_label(hand, "2")
    hand.click(*options.click)
    idle(window, 120)
    desk.picture("clicked")
    hand.keys("Return")
    # A stroke that is taken back.
    hand.keys("4")
    hand.draw([(x, y + 60) for x, y in STROKE])
    desk.picture("brushed_again")
    hand.keys("ctrl+z")
    hand.keys("ctrl+shift+s")
    wait(1)
    hand.keys("ctrl+a")
    hand.type(str(saved))
    hand.keys("Return")
    expect(until(saved.exists, 30), "nothing was saved")
    idle(window)
    desk.picture("saved")
    hand.keys("ctrl+q")
    expect(until(lambda: window.poll() is not None, 10), "it did not close")


def check(scan, saved, options):
    """What was saved, in words."""
    dims, labels, *_ = voxels(saved)
    scan_dims, values, slope, intercept = voxels(scan)
    expect(dims == scan_dims, f"{dims} labels on a scan of {scan_dims} voxels")
    counts = Counter(labels)
    del counts[0]
    expect(sorted(counts) == [1, 2, 3, 4], f"labels 1 to 4 expected: {dict(counts)}")
    of_slice = dims[0] * dims[1]
    slices = Counter(n // of_slice for n, value in enumerate(labels) if value == 2)
    drawn = sorted(slices)
    expect(len(drawn) == APART + 1, f"{APART + 1} slices from one outline to the other: {drawn}")
    expect(drawn == list(range(drawn[0], drawn[0] + APART + 1)), f"an empty slice: {drawn}")
    expect(len({slices[k] for k in drawn}) == 1, f"between equal outlines all are equal: {slices}")
    brushed = {n // of_slice for n, value in enumerate(labels) if value == 1}
    expect(len(brushed) == 1, f"the brush drew on {brushed}, the stroke after it was taken back")
    is_in = lambda n: options.low <= values[n] * slope + intercept <= options.high
    outside = sum(value == 3 and not is_in(n) for n, value in enumerate(labels))
    missed = sum(value == 0 and is_in(n) for n, value in enumerate(labels))
    expect(outside == 0 and missed == 0, f"threshold: {outside} voxels outside, {missed} missed")
    return ", ".join(f"label {value} {count} voxels" for value, count in sorted(counts.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("scan", type=Path)
    parser.add_argument("--low", type=float, default=900)
    parser.add_argument("--high", type=float, default=1200)
    parser.add_argument("--click", type=int, nargs=2, default=(WIDTH // 4, HEIGHT // 2))
    parser.add_argument("--pictures")
    options = parser.parse_args()
    options.scan = options.scan.resolve()
    with tempfile.TemporaryDirectory(prefix="drive-tools-") as folder:
        saved = Path(folder) / "labels.nii"
        desk = Desk(str(Path(options.program).resolve()), options.pictures)
        try:
            work(desk, Hand(desk), options, saved)
            print(f"saved: {check(options.scan, saved, options)}")
            return 0
        except Lost as error:
            desk.picture("wrong")
            print(f"WRONG  {error}")
            return 1
        finally:
            desk.close()


if __name__ == "__main__":
    sys.exit(main())
