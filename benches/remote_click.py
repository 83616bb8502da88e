#!/usr/bin/env python3
"""Measures clicks on a model that `prosector serve` serves over this machine's loopback against the same clicks here:
seconds of each click (the first one has the scan on its way), bytes that go there and come back, and whether the masks
are the same, which the Dice of every step to the last digit tells. With `--lesson`, too, minutes and bytes of a lesson there
against the same here, whether the adapters are the same, and the clicks of another who asks while it goes on.

Usage: python3 benches/remote_click.py target/release/prosector [--cases CASES.toml] [--clicks 3] [--rounds 2] [--device cpu] \\
           [--lesson STRUCTURE --steps 40]

Without cases it is the lesion of the phantom that `prosector demo` writes. Here and there take turns, in one run.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LESION = 10


class Way:
    """Passes connections on to a port, and counts the bytes there and back."""

    def __init__(self, port):
        self.to = port
        self.bytes = [0, 0]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            here, _ = self.listener.accept()
            there = socket.create_connection(("127.0.0.1", self.to))
            for direction, (a, b) in enumerate([(here, there), (there, here)]):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.pass_on, args=(direction, a, b), daemon=True).start()

    def pass_on(self, direction, source, target):
        try:
            while piece := source.recv(1 << 20):
                self.bytes[direction] += len(piece)
                target.sendall(piece)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def taken(self):
        taken, self.bytes = self.bytes, [0, 0]
        return taken


def serve(binary, device):
    process = subprocess.Popen(
        [binary, "serve", "--listen", "127.0.0.1:0", "--device", device],
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    address = re.search(r"127\.0\.0\.1:(\d+)", line)
    if not address:
        sys.exit(f"it does not serve: {line}")
    return process, int(address[1])


def phantom(binary, folder):
    subprocess.run([binary, "demo", "--headless", "-o", folder], check=True, stdout=subprocess.DEVNULL)
    cases = Path(folder) / "cases.toml"
    cases.write_text(
        f"[[case]]\nid = 'phantom'\nimage = 'phantom.nii.gz'\ntruth = 'truth.nii.gz'\nmodality = 'ct'\n"
        f"labels = {{ {LESION} = 'lesion' }}\n"
    )
    return cases


def clicks(binary, cases, device, count):
    """Seconds and Dice of each click, means over the targets."""
    command = [binary, "evaluate", "--cases", cases, "--protocol", "clicks", "--steps", str(count)]
    done = subprocess.run([*command, "--device", device, "--json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    rows = [row["steps"] for row in json.loads(done.stdout)["cases"] if row.get("steps")]
    by_click = [[row[n] for row in rows if len(row) > n] for n in range(max(map(len, rows)))]
    seconds = [statistics.mean(s["seconds"] for s in steps) for steps in by_click]
    return seconds, [[s["dice"] for s in steps] for steps in by_click]


class Lesson:
    """A lesson that goes on, from all cases and without cross-validation."""

    def __init__(self, binary, cases, args, device, folder):
        folder.mkdir()
        self.adapter = folder / "taught.safetensors"
        command = [binary, "teach", "--cases", cases, "--structure", args.lesson, "--steps", str(args.steps)]
        command += ["--folds", "0", "--unproven", "--device", device, "-o", self.adapter]
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def minutes(self):
        """Waits for its end."""
        if self.process.wait():
            sys.exit("a lesson failed")
        return (time.monotonic() - self.began) / 60


def lessons(binary, cases, args, way, folder):
    there = f"remote:127.0.0.1:{way.port}"
    here = Lesson(binary, cases, args, args.device, folder / "here")
    own = here.minutes()
    way.taken()
    far = Lesson(binary, cases, args, there, folder / "there")
    elsewhere = far.minutes()
    sent, back = way.taken()
    if here.adapter.read_bytes() != far.adapter.read_bytes():
        sys.exit("the adapters differ")
    print(f"a lesson of {args.steps} steps: here {own:.2f} min, over loopback {elsewhere:.2f} min; the same adapter")
    print(f"    {sent} bytes there, {back} back, the adapter {far.adapter.stat().st_size} of them")
    disturbed = Lesson(binary, cases, args, there, folder / "disturbed")
    while disturbed.process.poll() is None and sum(way.bytes) < sent:
        time.sleep(0.1)
    seconds, _ = clicks(binary, cases, there, args.clicks)
    if disturbed.process.poll() is not None:
        sys.exit("the lesson was over before the clicks were: give it more --steps")
    print("clicks of another meanwhile: " + ", ".join(f"{s:.2f} s" for s in seconds))
    disturbed.process.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--cases")
    parser.add_argument("--clicks", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--lesson", metavar="STRUCTURE", help="teach it, too")
    parser.add_argument("--steps", type=int, default=40, help="of the lesson")
    args = parser.parse_args()
    binary = os.path.abspath(args.binary)
    with tempfile.TemporaryDirectory() as folder:
        cases = args.cases or phantom(binary, folder)
        server, port = serve(binary, args.device)
        try:
            way = Way(port)
            there = f"remote:127.0.0.1:{way.port}"
            times = {"here": [], "there": []}
            for _ in range(args.rounds):
                own, own_dice = clicks(binary, cases, args.device, args.clicks)
                way.taken()
                far, far_dice = clicks(binary, cases, there, args.clicks)
                times["here"].append(own)
                times["there"].append(far)
                if own_dice != far_dice:
                    sys.exit(f"the masks differ: {own_dice} {far_dice}")
            print("the masks are the same")
            for click in range(len(times["here"][0])):
                own, far = (min(round[click] for round in times[where]) for where in times)
                print(f"click {click + 1}: here {own:.3f} s, over loopback {far:.3f} s, ratio {far / own:.2f}")
            before = [0, 0]
            for count in range(1, args.clicks + 1):
                way.taken()
                clicks(binary, cases, there, count)
                sent, back = way.taken()
                print(f"click {count}: {sent - before[0]} bytes there, {back - before[1]} back")
                before = [sent, back]
            if args.lesson:
                lessons(binary, cases, args, way, Path(folder))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
