#!/usr/bin/env python3
"""Writes assets/components.toml: the third-party crates that the program is made of, with versions and licences.

Run it after every change of Cargo.lock (a test says so): python3 .ci/components.py
It asks cargo for the normal dependencies on all platforms that the program is built for. Crates that Cargo.lock has
beyond these (for tests, for building, for other platforms) are listed by name and version only.
"""

import json
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Of crates that name a file instead of a licence: what the file is.
LICENCE_FILES = {"cfg_block": "Apache-2.0"}
PLATFORMS = ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "aarch64-apple-darwin"]


def metadata():
    """What cargo knows of the locked packages; needs no network where they were fetched once."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    for platform in PLATFORMS:
        command += ["--filter-platform", platform]
    return json.loads(subprocess.check_output(command, cwd=ROOT))


def shipped():
    """Names and versions of what normal dependencies lead to, on all platforms, with the features that we ask for.

    `cargo metadata` would add what a feature turns on that only a tool for building asks for.
    """
    lines = set()
    for platform in PLATFORMS:
        command = ["cargo", "tree", "--locked", "-e", "normal", "--target", platform, "--prefix", "none", "--format", "{p}"]
        lines |= set(subprocess.check_output(command, cwd=ROOT, text=True).splitlines())
    packages = {tuple(line.split()[:2]) for line in lines if line.strip()}
    return {(name, version.removeprefix("v")) for name, version in packages if name != "prosector"}


def main():
    found = metadata()
    parts = shipped()
    packages = [p for p in found["packages"] if (p["name"], p["version"]) in parts]
    rows = sorted((p["name"], p["version"], p["license"] or LICENCE_FILES[p["name"]]) for p in packages)
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    listed = {(name, version) for name, version, _ in rows}
    locked = {(p["name"], p["version"]) for p in lock["package"] if "source" in p}
    text = "# Written by .ci/components.py from Cargo.lock.\n\n# Name, version and licence.\nshipped = [\n"
    text += "".join(f"    {json.dumps(row)},\n" for row in rows)
    text += "]\n\n# Name and version of crates for tests, for building, or for other platforms.\nnot_shipped = [\n"
    text += "".join(f"    {json.dumps(row)},\n" for row in sorted(locked - listed))
    (ROOT / "assets/components.toml").write_text(text + "]\n")


if __name__ == "__main__":
    main()
