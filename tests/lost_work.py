#!/usr/bin/env python3
"""Tries to lose unsaved work and preferences in the real window: crashes, questions left unanswered, several windows,
signals, a display or a graphics device that goes away, a full disk. Also how long closing takes, and whether the window comes back in place.

Usage, on Linux with Xvfb, libXtst and a Vulkan driver (Mesa's lavapipe does):
    python3 tests/lost_work.py target/release/prosector [--only NAME ..] [--pictures FOLDER]

Every trial prints one line; the exit code is the number of trials that lost something. PACE=2 waits twice as long.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from screen import Screen

PACE = float(os.environ.get("PACE", "1"))
WIDTH, HEIGHT = 1360, 860
SIDE = 48


def wait(seconds):
    time.sleep(seconds * PACE)


def until(condition, patience_s=40):
    start = time.monotonic()
    while time.monotonic() - start < patience_s * PACE:
        if condition():
            return True
        time.sleep(0.1)
    return False


def idle(process, patience_s=30):
    """Waits until the program has nothing to do."""
    before, deadline = -1.0, time.monotonic() + patience_s * PACE
    while time.monotonic() < deadline and process.poll() is None:
        now = cpu_seconds(process.pid)
        if now - before < 0.03 and before >= 0:
            return
        before = now
        wait(0.7)


class Desk:
    """A user's folder, a display, and the windows on it."""

    def __init__(self, program, pictures):
        self.program, self.pictures = program, pictures
        self.display = Screen(WIDTH, HEIGHT)
        self.folder = Path(tempfile.mkdtemp(prefix="lost-work-"))
        self.data = self.folder / "data" / "prosector"
        self.data.mkdir(parents=True)
        (self.data / "settings.toml").write_text("notice_accepted = true\n")
        self.scan = self.folder / "scan.nii"
        write_scan(self.scan, SIDE)
        self.processes = []

    def open(self, *paths, before=None, log="warn", **environment):
        known = {w[0] for w in self.display.windows()}
        kept = ("PATH", "LANG", "VK_DRIVER_FILES", "VK_ICD_FILENAMES", "RAYON_NUM_THREADS")
        env = {k: os.environ[k] for k in kept if k in os.environ}
        env |= {
            "DISPLAY": self.display.name,
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_RUNTIME_DIR": str(self.folder),
            "PROSECTOR_LOG": log,
        } | environment
        told = (self.folder / "log").open("ab") if before is None else subprocess.DEVNULL
        command = [self.program, *map(str, paths)]
        process = subprocess.Popen(
            command, env=env, stdout=told, stderr=told, preexec_fn=before
        )
        self.processes.append(process)
        new = lambda: [w for w in self.display.windows() if w[0] not in known]
        if not until(new, 60):
            raise Lost("no window opened")
        process.window = new()[0][0]
        wait(1.5)
        self.display.place(process.window, 0, 0, WIDTH, HEIGHT)
        # The scan is read, the model open, and what is to be asked is on the screen.
        idle(process)
        return process

    def paint(self, window, x, y, release=True):
        """A brush stroke in the axial view; without `release` it is still being drawn."""
        self.display.focus(window)
        self.keys("4")
        self.display.move(x, y)
        wait(0.3)
        self.display.button(True)
        for step in range(1, 6):
            self.display.move(x + 8 * step, y)
            wait(0.1)
        if release:
            self.display.button(False)
        wait(1)

    def answer(self, window, place):
        """Presses the button at this place (from 1) of the question that is shown."""
        self.display.focus(window)
        wait(0.5)
        for _ in range(place):
            self.keys("Tab")
        self.keys("space")
        wait(1)

    def keys(self, *names):
        self.display.press(*names)
        wait(0.5)

    def picture(self, name):
        if self.pictures and self.display.connection and shutil.which("import"):
            env = dict(os.environ, DISPLAY=self.display.name)
            target = str(Path(self.pictures) / f"{name}.png")
            subprocess.run(["import", "-window", "root", target], env=env, check=False)

    def files(self):
        """The unsaved work by id, and how many voxels are labelled in each. Of copies: windows may work on them."""
        with tempfile.TemporaryDirectory(prefix="lost-work-copy-") as home:
            copies = Path(home) / "prosector" / "journals"
            copies.mkdir(parents=True)
            for journal in (self.data / "journals").glob("*.journal"):
                try:
                    shutil.copy(journal, copies)
                except FileNotFoundError:
                    pass
            told = self.recover(home, "--json")
            expect(told.returncode == 0 and not told.stderr, f"recover: {told.stderr}")
            work = json.loads(told.stdout)["work"]
            return {one["id"]: self.voxels(home, one["id"]) for one in work}

    def recover(self, data_home, *arguments):
        env = {"XDG_DATA_HOME": str(data_home), "HOME": str(self.folder)}
        command = [self.program, "recover", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    def voxels(self, data_home, name):
        """How many voxels of a work are labelled."""
        out = Path(data_home) / "labels.nii"
        told = self.recover(data_home, "--export", name, "-o", str(out))
        expect(told.returncode == 0, f"not exported: {told.stderr}")
        content = out.read_bytes()
        (bits,) = struct.unpack_from("<h", content, 72)
        offset = int(struct.unpack_from("<f", content, 108)[0])
        step = bits // 8
        return sum(any(content[at : at + step]) for at in range(offset, len(content), step))

    def is_held(self, name):
        """Whether a window works on it: then nobody else is given it."""
        told = self.recover(self.folder / "data", "--export", name, "-o", str(self.folder / "no.nii"))
        return told.returncode == 1 and "a window works on it" in told.stderr

    def await_files(self, count):
        if not until(lambda: len(self.files()) >= count):
            raise Lost(f"{count} works expected, there are {self.files()}")
        return self.files()

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.display.close()


class Lost(Exception):
    """What was lost."""


def expect(condition, what):
    if not condition:
        raise Lost(what)


def write_scan(path, side, inside=60):
    """A NIfTI-1 file of 16-bit voxels: a bright ball."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, side, side, side, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 2, 2, 2, 0, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<f", header, 112, 1)
    struct.pack_into("<h", header, 254, 1)
    for row in range(3):
        values = [0.0] * 4
        values[row] = 2.0
        struct.pack_into("<4f", header, 280 + 16 * row, *values)
    header[344:348] = b"n+1\0"
    middle = side / 2
    voxels = bytearray()
    for k in range(side):
        for j in range(side):
            for i in range(side):
                is_inside = (i - middle) ** 2 + (j - middle) ** 2 + (k - middle) ** 2 < side * side / 9
                voxels += struct.pack("<h", inside if is_inside else -1000)
    path.write_bytes(bytes(header) + bytes(voxels))


def crash(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def ended_within(process, patience_s):
    start = time.monotonic()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - start


def crashed_work(desk, x=330, y=400):
    """A window that painted and crashed; the id of its work and its voxels."""
    before = set(desk.files())
    window = desk.open(desk.scan)
    expect(set(desk.files()) >= before, "a start deleted work")
    for _ in before:
        desk.answer(window.window, 2)
    desk.paint(window.window, x, y)
    found = desk.await_files(len(before) + 1)
    crash(window)
    (name,) = set(found) - before
    return name, found[name]


def try_unanswered(desk):
    """A scan on the command line, the question unanswered, closing, another crash, Later."""
    name, voxels = crashed_work(desk)
    window = desk.open(desk.scan)
    desk.picture("unanswered")
    expect(desk.files() == {name: voxels}, "deleted while the question was on the screen")
    crash(window)
    expect(desk.files() == {name: voxels}, "deleted by another crash")
    window = desk.open(desk.scan)
    window.terminate()
    expect(ended_within(window, 10) is not None, "did not end")
    expect(desk.files() == {name: voxels}, "deleted by closing")
    window = desk.open(desk.scan)
    desk.answer(window.window, 2)
    desk.keys("Control_L", "q")
    expect(ended_within(window, 10) is not None, "did not close")
    expect(desk.files() == {name: voxels}, "deleted by Later")
    window = desk.open(desk.scan)
    desk.answer(window.window, 1)
    expect(until(lambda: desk.is_held(name)), "not recovered")
    expect(desk.files() == {name: voxels}, f"{voxels} voxels became {desk.files()}")
    return "kept until it was recovered, and gone on in"


def try_later_twice(desk):
    """Later twice: the second does not overwrite the first."""
    works = dict(crashed_work(desk, y=360 + 40 * n) for n in range(3))
    expect(desk.files() == works and len(works) == 3, f"{works} became {desk.files()}")
    window = desk.open(desk.scan)
    for _ in range(2):
        desk.answer(window.window, 2)
    desk.answer(window.window, 3)
    left = desk.files()
    expect(len(left) == 2 and left.items() <= works.items(), f"thrown away one, left {left}")
    return "3 kept, 1 thrown away when asked to"


def try_two_windows(desk):
    """A crashed second window is offered to one; a window that lives keeps its own."""
    first = desk.open(desk.scan)
    desk.paint(first.window, 330, 400)
    desk.await_files(1)
    second = desk.open(desk.scan)
    desk.paint(second.window, 330, 440)
    works = desk.await_files(2)
    crash(second)
    third = desk.open()
    desk.picture("two_windows")
    desk.answer(third.window, 3)
    wait(1)
    left = desk.files()
    expect(len(left) == 1, f"the crashed second window's work was not offered: {left}")
    desk.keys("Control_L", "q")
    expect(ended_within(third, 10) is not None, "did not close")
    expect(left == desk.files() and left.items() <= works.items(), "took a living window's work")
    crash(first)
    last = desk.open(desk.scan)
    desk.answer(last.window, 1)
    expect(until(lambda: all(map(desk.is_held, left))), "not recovered")
    expect(desk.files() == left, f"{left} became {desk.files()}")
    return "each window kept its own, left-overs offered"


def try_signals(desk):
    """SIGTERM, SIGHUP and SIGINT keep a stroke that is being drawn."""
    times = []
    for sign in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        window = desk.open(desk.scan)
        for _ in desk.files():
            desk.answer(window.window, 2)
        known = desk.files()
        desk.paint(window.window, 330, 400)
        until(lambda: len(desk.files()) > len(known), 5)
        early = sum(desk.files().values())
        desk.paint(window.window, 330, 440, release=False)
        window.send_signal(sign)
        seconds = ended_within(window, 15)
        desk.display.button(False)
        expect(seconds is not None, f"{sign.name}: did not end")
        expect(seconds < 3 * PACE, f"{sign.name}: ended after {seconds:.2f} s")
        late = sum(desk.files().values())
        expect(late > early, f"{sign.name}: {early} voxels before, {late} after")
        expect(len(desk.files()) == len(known) + 1, f"{sign.name}: {desk.files()}")
        times.append(f"{sign.name} {seconds:.2f} s")
    return "written: " + ", ".join(times)


def try_display_gone(desk):
    """The display goes away, as at a logout."""
    window = desk.open(desk.scan)
    desk.paint(window.window, 330, 400)
    early = sum(desk.await_files(1).values())
    desk.paint(window.window, 330, 440)
    desk.display.close()
    expect(ended_within(window, 20) is not None, "did not end")
    late = sum(desk.files().values())
    expect(late > early, f"{early} voxels before, {late} after")
    return f"written ({early} voxels, then {late})"


def try_full_disk(desk):
    """No byte can be written: the old preferences stay."""
    window = desk.open(desk.scan)
    desk.keys("Control_L", "q")
    expect(ended_within(window, 10) is not None, "did not close")
    names = ("app.ron", "settings.toml")
    old = {name: (desk.data / name).read_bytes() for name in names}
    expect(all(old.values()), f"nothing was remembered: {old}")

    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))

    window = desk.open(desk.scan, before=full)
    desk.display.place(window.window, 20, 10, 1100, 700)
    wait(1)
    desk.keys("Tab")
    desk.keys("Control_L", "q")
    expect(ended_within(window, 10) is not None, "did not close")
    new = {name: (desk.data / name).read_bytes() for name in names}
    lengths = {name: (len(old[name]), len(new[name])) for name in names}
    expect(new == old, f"preferences lost: {lengths} bytes before and after")
    expect(not list(desk.data.glob(".prosector-*")), "half-written files stayed")
    return f"kept: {lengths} bytes before and after"


def try_closing_in_a_run(desk):
    """Closing while organs are being segmented."""
    demo = desk.folder / "demo"
    command = [desk.program, "demo", "--headless", "-o", str(demo)]
    subprocess.run(command, check=True, capture_output=True)
    window = desk.open(demo / "phantom.nii.gz")
    idle(window)
    desk.keys("Control_L", "g")
    wait(2)
    desk.picture("closing_in_a_run")
    cpu = cpu_seconds(window.pid)
    wait(1)
    expect(cpu_seconds(window.pid) - cpu > 0.5, "no run was under way")
    start = time.monotonic()
    desk.display.press("Control_L", "q")
    expect(ended_within(window, 20) is not None, "did not close")
    seconds = time.monotonic() - start
    expect(seconds < 1, f"closing took {seconds:.2f} s")
    return f"closed in {seconds:.2f} s"


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def try_diagnostics(desk):
    """The window at trace, on a scan in a folder named after a patient, tells nothing of it."""
    folder = desk.folder / "Mustermann^Erika_19530412"
    folder.mkdir()
    scan = folder / "Geheimrat.nii"
    write_scan(scan, SIDE, inside=23117)
    window = desk.open(scan, log="trace")
    desk.paint(window.window, 330, 400)
    desk.await_files(1)
    desk.keys("Control_L", "g")
    wait(3)
    desk.keys("Control_L", "s")
    wait(2)
    desk.keys("Escape")
    window.terminate()
    expect(ended_within(window, 10) is not None, "did not end")
    told = (desk.folder / "log").read_text(errors="replace")
    expect("apply" in told, "no diagnostics were written")
    secrets = ["Mustermann", "Erika", "19530412", "Geheimrat", desk.folder.name]
    # A time of day may contain the digits.
    secrets.append(r"\b23117\b")
    found = [secret for secret in secrets if re.search(secret, told)]
    expect(not found, f"told: {found}")
    return f"{len(told.splitlines())} lines tell nothing"


def try_device_lost(desk):
    """The graphics device is destroyed under the window: the same work goes on in another."""
    window = desk.open(desk.scan, PROSECTOR_TEST_LOSE_DEVICE_AFTER_S=str(20 * PACE))
    desk.paint(window.window, 330, 400)
    ((name, voxels),) = desk.await_files(1).items()
    first = window.window
    known = lambda: [w[0] for w in desk.display.windows()]

    def is_another():
        # What is not drawn is not missed.
        for x in (600, 640):
            desk.display.move(x, 400)
            wait(0.1)
        return known() and first not in known()

    expect(until(is_another), "the device was not lost")
    expect(window.poll() is None, "the program ended")
    idle(window)
    desk.picture("device_lost")
    desk.paint(known()[0], 330, 300)
    expect(until(lambda: desk.files().get(name, 0) > voxels), "nothing can be painted any more")
    window.terminate()
    expect(ended_within(window, 10) is not None, "did not end")
    expect(desk.files()[name] > voxels, "lost at the end")
    return "drawn anew, painted on"


def try_place(desk):
    """Place and size of the window come back exactly."""
    place = (37, 23, 1001, 777)
    window = desk.open(desk.scan)
    for _ in range(2):
        desk.display.place(window.window, *place)
        wait(2)
        desk.keys("Control_L", "q")
        expect(ended_within(window, 10) is not None, "did not close")
        known = {w[0] for w in desk.display.windows()}
        expect(not known, "the window is still there")
        window = open_unmoved(desk)
        found = desk.display.geometry(window.window)
        expect(found == place, f"left at {place}, came back at {found}")
        place = (211, 5, 903, 655)
    return "twice the same"


def open_unmoved(desk):
    place, desk.display.place = desk.display.place, lambda window, *_: desk.display.focus(window)
    try:
        return desk.open(desk.scan)
    finally:
        desk.display.place = place


TRIALS = {
    name.removeprefix("try_"): trial
    for name, trial in list(globals().items())
    if name.startswith("try_")
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--only", nargs="+", choices=TRIALS, default=list(TRIALS))
    parser.add_argument("--pictures")
    options = parser.parse_args()
    lost = 0
    for name in options.only:
        desk = Desk(str(Path(options.program).resolve()), options.pictures)
        try:
            outcome = "kept  " + TRIALS[name](desk)
        except Lost as error:
            outcome, lost = f"LOST  {error}", lost + 1
            desk.picture(f"{name}_lost")
        finally:
            desk.close()
        print(f"{name:<16}{outcome}", flush=True)
    return lost


if __name__ == "__main__":
    sys.exit(main())
