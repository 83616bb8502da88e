"""The program under test, as a process of its own."""

import hashlib
import json
import os
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

TOLERANCE_MM = "2"
WORDS = ("description", "measured_dice", "notices", "title")


@dataclass(frozen=True)
class Prosector:
    """The binary, and the `--device` that it computes on."""

    binary: Path
    device: str

    def sha256(self):
        return sha256_of(self.binary)

    def compare(self, prediction, truth, value):
        """The row of `evaluate --json` for the value 1 of one label map against a value of another."""
        pair = ("--pred", str(prediction), "--truth", str(truth), "--map", f"1={value}")
        return self._evaluate(*pair)[0][0]

    def measure(self, cases, protocol, model):
        """The rows of `evaluate --json` for a file of cases, and the peak memory of the process in bytes.

        `protocol` are arguments, `model` is the path of a card.
        """
        source = ("--cases", str(cases), "--model", str(model), "--device", self.device)
        return self._evaluate(*source, "--protocol", *protocol)

    def _evaluate(self, *arguments):
        command = [self.binary, "evaluate", *arguments, "--tolerance-mm", TOLERANCE_MM, "--json"]
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
            output = process.stdout.read()
            # Unlike `Popen.wait`, this tells the peak memory of this very child.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()[-1:]
                raise RuntimeError(f"{' '.join(map(str, command))}: {''.join(said)}")
        return json.loads(output)["cases"], usage.ru_maxrss * 1024


@dataclass(frozen=True)
class Model:
    """A model by its card: what it is, and the structures that it finds by itself."""

    card: Path
    sha256: str
    structures: frozenset[str]

    @classmethod
    def read(cls, path):
        """Reads a card. The figures and the words on it make no other model of it."""
        card = tomllib.loads(path.read_text())
        steering = {key: value for key, value in card.items() if key not in WORDS}
        text = json.dumps(steering, sort_keys=True)
        weights = sha256_of(path.parent / card["weights"])
        structures = frozenset(s["name"] for s in card.get("structures", []))
        return cls(path, hashlib.sha256((text + weights).encode()).hexdigest(), structures)


def sha256_of(*paths):
    """SHA-256 of the bytes of the files, one after another."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
