#!/usr/bin/env python3
"""Two readers go through a worklist in the real window, which is killed (SIGKILL) at random moments, and taken up again.

Checked after every kill: what the project's files said before they say still, label maps bit for bit, and what was drawn
and not saved comes back with the next start. In the end agreement, consensus and audit table are printed.

Usage, on Linux with Xvfb, libXtst and a Vulkan driver (Mesa's lavapipe does):
    python3 tests/kill_worklist.py target/release/prosector DATA [--cases 30] [--kills 5] [--seed 1] [--pictures FOLDER]

DATA has `images` and `labels` of the same names (NIfTI); --kills is a reader's. The exit code is 1 if anything was lost.
"""

import argparse
import csv
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import tomllib
from pathlib import Path

from lost_work import Desk, Lost, expect, until, wait

# In the axial view beside the worklist.
VIEW = (520, 330)
PATIENCE_S = 60


class Project:
    """The project's files, and what they said."""

    def __init__(self, program, folder, data, count):
        self.program, self.folder = program, folder
        self.file = folder / "study.toml"
        names = sorted(p.name for p in (data / "images").glob("*.nii.gz") if not p.name.startswith("."))
        self.cases = [name.removesuffix(".nii.gz") for name in names[:count]]
        with (folder / "cases.csv").open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(("id", "image", "labels"))
            for case, name in zip(self.cases, names):
                rows.writerow((case, data / "images" / name, data / "labels" / name))
        labels = ("--label", "label_1", "--label", "label_2")
        self.run("new", *labels, "--readers-per-case", "2", "--blinded")
        self.run("add", folder / "cases.csv")
        self.known = {}

    def run(self, what, *arguments):
        command = [self.program, "worklist", what, self.file, *arguments, "--json"]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        expect(done.returncode == 0, f"worklist {what}: {done.stderr}")
        return json.loads(done.stdout)

    def reading(self, case, reader):
        """The reader's file of a case as it is now, and the label map's digest."""
        path = self.folder / "study.worklist" / "readings" / case / f"{reader}.toml"
        if not path.exists():
            return None
        file = tomllib.loads(path.read_text())
        labels = path.with_name(f"{reader}.seg.nrrd")
        digest = hashlib.sha256(labels.read_bytes()).hexdigest() if "labels" in file else None
        return file, digest

    def current(self, reader):
        """The case that the reader has begun."""
        for case in self.cases:
            read = self.reading(case, reader)
            if read and read[0]["state"] == "in_progress":
                return case
        return None

    def done(self, reader):
        read = [self.reading(case, reader) for case in self.cases]
        return [case for case, found in zip(self.cases, read) if found and found[0]["state"] == "done"]

    def look(self):
        """What was said before is said still, or something was saved after it; from now on, what is said now."""
        for case in self.cases:
            for reader in ("ann", "ben"):
                now = self.reading(case, reader)
                before = self.known.get((case, reader))
                if before:
                    expect(now is not None, f"{case}: the reading of {reader} is gone")
                    old, new = before[0]["event"], now[0]["event"]
                    expect(new[: len(old)] == old, f"{case}: events of {reader} are gone")
                    is_same = len(new) == len(old)
                    expect(not is_same or now == before, f"{case}: the reading of {reader} changed by itself")
                self.known[case, reader] = now


class Seat:
    """A reader at a window of the program."""

    def __init__(self, project, reader, pictures):
        self.project, self.reader = project, reader
        self.desk = Desk(project.program, pictures)
        settings = f'notice_accepted = true\nreader = "{reader}"\n'
        (self.desk.data / "settings.toml").write_text(settings)
        self.process = None
        self.recovered = 0

    def sit_down(self):
        """Opens the window, and takes up what was not saved, or else the next case."""
        left = self.desk.files()
        self.process = self.desk.open(self.project.file)
        if left:
            expect(len(left) == 1, f"one work is not saved, {left} are offered")
            self.desk.answer(self.process.window, 1)
            wait(1)
            expect(until(lambda: all(map(self.desk.is_held, left))), "not recovered")
            self.recovered += 1
        else:
            begun = lambda: self.project.current(self.reader)
            # A slow computer may not hear the first one.
            for _ in range(3):
                self.desk.display.focus(self.process.window)
                self.desk.keys("Control_L", "Shift_L", "n")
                if until(begun, PATIENCE_S / 3):
                    break
            expect(begun(), "no case was begun")
            wait(1.5)
        return left

    def is_alive(self):
        return self.process.poll() is None

    def hand_in(self, paints):
        """Paints in the case that is open, and hands it in; whether the window lived to see the next one."""
        done = self.project.done(self.reader)
        if paints:
            self.desk.paint(self.process.window, *VIEW)
        self.desk.display.focus(self.process.window)
        self.desk.keys("Control_L", "Shift_L", "d")
        is_done = lambda: len(self.project.done(self.reader)) > len(done)
        until(lambda: is_done() or not self.is_alive(), PATIENCE_S)
        is_last = len(self.project.done(self.reader)) == len(self.project.cases)
        goes_on = lambda: is_last or self.project.current(self.reader)
        until(lambda: goes_on() or not self.is_alive(), PATIENCE_S)
        wait(0.7)
        if self.is_alive():
            expect(is_done() and goes_on(), "the case was not handed in")
        return self.is_alive()


def voxels(project, case, reader):
    """Labelled voxels of a reading, as the program reads it."""
    found = project.folder / "study.worklist" / "readings" / case / f"{reader}.seg.nrrd"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "flat.nii"
        scan = next(p for p in Path(project.folder / "cases.csv").read_text().splitlines() if p.startswith(f"{case},"))
        command = [project.program, "labels", found, "--scan", scan.split(",")[1], "-o", out, "--json"]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        expect(done.returncode == 0, f"{case}: its label map cannot be read: {done.stderr}")
        return sum(label["voxels"] for label in json.loads(done.stdout)["labels"])


def read_all(project, reader, options, chance):
    """A reader goes through all cases; the moments at which the window was killed, in words."""
    seat = Seat(project, reader, options.pictures)
    kills = sorted(chance.sample(range(len(project.cases)), options.kills))
    told = []
    try:
        seat.sit_down()
        while (count := len(project.done(reader))) < len(project.cases):
            timer = None
            if kills and kills[0] <= count:
                kills.pop(0)
                after_s = chance.uniform(0, 4)
                timer = threading.Timer(after_s, seat.process.kill)
                timer.start()
            lived = seat.hand_in(paints=reader == "ben" or count % 3 == 0)
            project.look()
            if timer is None:
                expect(lived, "the window ended by itself")
                continue
            timer.join()
            seat.process.wait()
            project.look()
            states = len(project.done(reader)), project.current(reader)
            left = seat.sit_down()
            project.look()
            told.append(f"after {after_s:.2f} s: {states[0]} done, open {states[1]}, unsaved {sorted(left.values())}")
            if left:
                # Handed in as it was recovered: not a voxel less than was on the disk.
                before = set(project.done(reader))
                seat.hand_in(paints=False)
                project.look()
                case = states[1] or next(iter(set(project.done(reader)) - before), None)
                if case:
                    expect([voxels(project, case, reader)] == list(left.values()), f"{case}: voxels are missing")
        seat.desk.picture(f"worklist_{reader}")
    finally:
        seat.desk.close()
    return seat.recovered, told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("data", type=Path)
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pictures")
    options = parser.parse_args()
    program, chance = str(Path(options.program).resolve()), random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="kill-worklist-") as folder:
        folder = Path(folder)
        project = Project(program, folder, options.data.resolve(), options.cases)
        try:
            for reader in ("ann", "ben"):
                recovered, told = read_all(project, reader, options, chance)
                print(f"{reader}: {len(project.done(reader))} of {len(project.cases)} done, killed {len(told)} times")
                print(*(f"    {line}" for line in told), sep="\n")
                print(f"    {recovered} times unsaved work was taken up again", flush=True)
            report(project)
        except Lost as error:
            print(f"LOST  {error}")
            return 1
    return 0


def report(project):
    status = project.run("status")
    print(f"\ncomplete: {status['complete']}; readers: {json.dumps(status['readers'])}")
    print("\nagreement of ann and ben, mean over the cases:")
    for label in project.run("compare")["labels"]:
        print(f"    {json.dumps(label)}")
    for method in ("majority", "staple"):
        made = project.run("consensus", "--method", method)
        print(f"consensus by {method}: {len(made['cases'])} cases")
    tables = project.folder / "tables"
    project.run("export", "-o", tables, "--as", "csv")
    audit = (tables / "audit.csv").read_text().splitlines()
    print(f"\naudit table, {len(audit) - 1} lines, the first ones:", *audit[:8], sep="\n    ")


if __name__ == "__main__":
    sys.exit(main())
