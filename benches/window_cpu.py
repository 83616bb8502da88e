#!/usr/bin/env python3
"""Measures what the window costs on a computer without a graphics card: CPU seconds a redraw, CPU while nothing happens
(with and without unsaved work), and an automatic run in the window against the command line.

Usage, on Linux with Xvfb, libXtst and Mesa's lavapipe: python3 benches/window_cpu.py target/release/prosector
       [--scan SCAN] [--size 1360x860 --size 3840x2160] [--skip-auto] [--idle-s 20] [--picture-folder FOLDER]

Without a scan it is the phantom that `prosector demo` writes. Each window runs on a display of its own with software
Vulkan alone. CPU seconds are those of the program's process with all its threads; the display's are beside them,
because showing a picture copies it there. A redraw is one event of the pointer or the wheel and all that follows of it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from screen import Screen

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
EVENTS = 12
PAUSE_S = 0.7


def wait_for_window(screen, patience_s=60):
    start = time.monotonic()
    while time.monotonic() - start < patience_s:
        if windows := screen.windows():
            return windows[0][0]
        time.sleep(0.1)
    sys.exit("the program opened no window")


class Program:
    """The window on a display, and what it writes to its log."""

    def __init__(self, binary, scan, display, home):
        data = home / "prosector"
        data.mkdir(parents=True)
        (data / "settings.toml").write_text("notice_accepted = true\n")
        environment = {
            **software_only(),
            "DISPLAY": display.name,
            "XDG_DATA_HOME": str(home),
            "PROSECTOR_LOG": "info,wgpu_core=warn,wgpu_hal=warn,naga=warn",
        }
        environment.pop("WAYLAND_DISPLAY", None)
        self.process = subprocess.Popen(
            [binary, str(scan)], env=environment, stderr=subprocess.PIPE, text=True
        )
        self.lines = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stderr:
            self.lines.append((time.monotonic(), re.sub(r"\x1b\[[0-9;]*m", "", line)))

    def wait_for(self, text, patience_s):
        """When this was logged."""
        start = time.monotonic()
        while time.monotonic() - start < patience_s:
            for at, line in self.lines:
                if text in line:
                    return at
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        sys.exit(f"not logged: {text}\n" + "".join(line for _, line in self.lines))

    def close(self):
        self.process.terminate()
        self.process.wait()


def software_only():
    """The environment in which Vulkan finds lavapipe and nothing else."""
    icds = sorted(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*.json"))
    if not icds:
        sys.exit("Mesa's lavapipe is missing")
    return {**os.environ, "VK_ICD_FILENAMES": str(icds[0]), "VK_DRIVER_FILES": str(icds[0])}


def cpu_s(process):
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


class Meter:
    """CPU seconds of program and display since it was made."""

    def __init__(self, program, display):
        self.processes = (program.process, display.server)
        self.start = [cpu_s(p) for p in self.processes]

    def read(self):
        return [cpu_s(p) - s for p, s in zip(self.processes, self.start, strict=True)]


def report(size, what, program_s, display_s, unit):
    print(f"{size:10} {what:34} {program_s:9.3f} {display_s:9.3f}  {unit}", flush=True)


def measure_redraws(size, program, display, what, act):
    meter = Meter(program, display)
    for n in range(EVENTS):
        act(n)
        time.sleep(PAUSE_S)
    report(size, what, *(s / EVENTS for s in meter.read()), "CPU s each")


def measure_idle(size, program, display, what, idle_s):
    meter = Meter(program, display)
    time.sleep(idle_s)
    report(size, what, *(100 * s / idle_s for s in meter.read()), "% of a core")


def paint(display, x, y):
    """A short stroke of the brush: work that is not saved."""
    display.press("4")
    time.sleep(0.5)
    display.move(x, y)
    display.button(True)
    for step in range(4):
        display.move(x + 8 * step, y)
        time.sleep(0.1)
    display.button(False)
    time.sleep(0.5)


def measure_window(args, scan, width, height):
    size = f"{width}x{height}"
    display = Screen(width, height)
    with tempfile.TemporaryDirectory() as home:
        program = Program(args.program, scan, display, Path(home))
        try:
            window = wait_for_window(display)
            program.wait_for("model ready", 120)
            # It is on the screen only some frames later.
            time.sleep(3)
            display.place(window, 0, 0, width, height)
            # The middle of the axial view, left of everything else.
            x, y = width * 0.3, height * 0.3
            display.move(x, y)
            time.sleep(5)
            measure_idle(size, program, display, "idle", args.idle_s)
            measure_redraws(
                size,
                program,
                display,
                "pointer moved over a view",
                lambda n: display.move(x + 9 * n, y + 5 * n),
            )
            measure_redraws(
                size,
                program,
                display,
                "slice stepped by the wheel",
                lambda _: display.wheel(),
            )
            side = width - 60
            measure_redraws(
                size,
                program,
                display,
                "pointer moved over the panel",
                lambda n: display.move(side, height * 0.3 + 9 * n),
            )
            paint(display, x, y)
            display.move(x, y + 60)
            time.sleep(25)
            measure_idle(size, program, display, "idle with unsaved work", args.idle_s)
            if not args.skip_auto:
                measure_auto(size, program, display)
            keep_picture(args, display, window, size)
        finally:
            program.close()
            display.close()


def measure_auto(size, program, display):
    """Ctrl+G, until the window logs that the result is there."""
    meter = Meter(program, display)
    start = time.monotonic()
    display.press("Control_L", "g")
    wall_s = program.wait_for("automatic segmentation finished", 900) - start
    report(size, "organs, in the window", *meter.read(), f"CPU s, {wall_s:.1f} s of wall time")
    time.sleep(5)


def measure_command(program, scan, folder):
    environment = software_only()
    start, before = time.monotonic(), os.times()
    output = folder / "organs.nii.gz"
    command = [program, "segment", str(scan), "--auto", "-o", str(output)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    wall_s, after = time.monotonic() - start, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    report("-", "organs, by the command line", used, 0.0, f"CPU s, {wall_s:.1f} s of wall time")


def keep_picture(args, display, window, size):
    if args.picture_folder is None or shutil.which("import") is None:
        return
    path = Path(args.picture_folder) / f"window-{size}.png"
    command = ["import", "-display", display.name, "-window", hex(window), str(path)]
    subprocess.run(command, check=True)


def phantom(program, folder):
    """The phantom, as the program writes it."""
    command = [program, "demo", "--headless", "-o", str(folder)]
    subprocess.run(command, check=True, capture_output=True, env=software_only())
    return folder / "phantom.nii.gz"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("program", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--scan", type=Path)
    parser.add_argument("--size", action="append")
    parser.add_argument("--skip-auto", action="store_true")
    parser.add_argument("--idle-s", type=float, default=20.0)
    parser.add_argument("--picture-folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scan = args.scan or phantom(args.program, Path(folder) / "demo")
        print(f"{'window':10} {'what':34} {'program':>9} {'display':>9}")
        for size in args.size or ["1360x860", "3840x2160"]:
            measure_window(args, scan, *(int(n) for n in size.split("x")))
        if not args.skip_auto:
            measure_command(args.program, scan, Path(folder))


if __name__ == "__main__":
    main()
