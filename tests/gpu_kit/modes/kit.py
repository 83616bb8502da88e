"""What all modes share: the kit's files, the programs in it, and the time that is left."""

import argparse
import ctypes.util
import glob
import json
import lzma
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SYSTEM_DRIVERS = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
# The driver's own libraries, wherever a container has them.
NVIDIA_LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib"]
UNPACK_CHUNK = 1 << 22


@dataclass
class Finished:
    """What became of a command; `reason` says why it failed, if it did."""

    stdout: str
    stderr: str
    seconds: float
    reason: str | None

    def last_json(self) -> dict:
        """The object on the last line of the output, or the whole output as one."""
        lines = self.stdout.strip().splitlines()
        return json.loads(lines[-1] if lines and lines[-1].startswith("{") else self.stdout)


class Kit:
    """The kit on the machine where it runs; programs are unpacked into `work`, which later calls find again."""

    def __init__(self, arguments: argparse.Namespace):
        self.arguments = arguments
        self.ends = time.monotonic() + arguments.seconds
        self.work = arguments.work
        self.out = arguments.out
        self.work.mkdir(parents=True, exist_ok=True)
        self.out.mkdir(parents=True, exist_ok=True)
        self.is_quick = arguments.quick

    @property
    def program_device(self) -> str:
        """What the program calls the device."""
        return "cpu" if self.arguments.device == "cpu" else "gpu"

    @property
    def torch_device(self) -> str:
        return "cuda" if self.arguments.device == "gpu" else "cpu"

    def left(self) -> float:
        """Seconds until the mode must have ended."""
        return self.ends - time.monotonic()

    def program(self, name: str) -> Path:
        """A program of the kit, unpacked; the weights that were cut out of it are put back where the kit has them."""
        hole = json.loads((ROOT / "kit.json").read_text())["weights_at"].get(name)
        weights = self.weights()

        def complete(part: Path) -> None:
            if hole is not None and weights is not None:
                with part.open("r+b") as target:
                    target.seek(hole)
                    target.write(weights.read_bytes())
            part.chmod(0o755)

        return self._unpacked(ROOT / "bin" / f"{name}.xz", complete)

    def weights(self) -> Path | None:
        """The weights of the model in the box; a kit that goes on with other weights has none."""
        packed = ROOT / "weights" / "prosector1.bpk.xz"
        return self._unpacked(packed) if packed.exists() else None

    def _unpacked(self, packed: Path, complete: Callable[[Path], None] = lambda part: None) -> Path:
        path = self.work / packed.stem
        if path.exists() and path.stat().st_mtime >= packed.stat().st_mtime:
            return path
        part = path.with_suffix(".part")
        with lzma.open(packed) as source, part.open("wb") as target:
            while chunk := source.read(UNPACK_CHUNK):
                target.write(chunk)
        complete(part)
        part.replace(path)
        return path

    def environment(self, device: str | None = None) -> dict[str, str]:
        """The surroundings in which a program finds the adapter of a device, by default the one asked for."""
        device = device or self.arguments.device
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.work)}
        if ctypes.util.find_library("vulkan") is None:
            found = [str(ROOT / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
            environment["LD_LIBRARY_PATH"] = ":".join(filter(None, found))
        driver = {"cpu": lambda: "none", "gpu": self._nvidia_driver, "software": _software_driver}[device]()
        if driver:
            environment["VK_DRIVER_FILES"] = environment["VK_ICD_FILENAMES"] = driver
        if device == "cpu":
            environment["__EGL_VENDOR_LIBRARY_FILENAMES"] = "none"
        return environment

    def _nvidia_driver(self) -> str | None:
        """A description of NVIDIA's Vulkan driver where the loader would not find one by itself."""
        if _descriptions("*nvidia*"):
            return None
        known = glob.glob("/usr/local/nvidia/share/vulkan/icd.d/*nvidia*.json")
        if known:
            return known[0]
        libraries = [f"{folder}/libGLX_nvidia.so.0" for folder in NVIDIA_LIBRARIES]
        library = next((path for path in libraries if os.path.exists(path)), None)
        if library is None:
            return None
        written = self.work / "nvidia_icd.json"
        driver = {"library_path": library, "api_version": "1.3.0"}
        written.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": driver}))
        return str(written)

    def run(self, command: list, most_seconds: float = 1e9, device: str | None = None, **more: str) -> Finished:
        """Runs a command for `most_seconds` at most, and never beyond the mode's end."""
        command = [str(word) for word in command]
        started = time.monotonic()
        limit = min(most_seconds, self.left())
        if limit <= 1:
            return Finished("", "", 0.0, "no time was left")
        environment = self.environment(device) | more
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return Finished("", "", time.monotonic() - started, f"not done in {limit:.0f} s")
        reason = None if done.returncode == 0 else (done.stderr.strip() or f"exit code {done.returncode}")[-500:]
        return Finished(done.stdout, done.stderr, time.monotonic() - started, reason)


class Report:
    """Rows of results, on disk after each, so that a run that is cut short leaves what it has."""

    def __init__(self, path: Path, **head):
        self.path = path
        self.content = {**head, "rows": []}
        self._write()

    def add(self, **row) -> None:
        self.content["rows"].append(row)
        print(", ".join(f"{name} {_short(value)}" for name, value in row.items()), flush=True)
        self._write()

    def _write(self) -> None:
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.content, indent=1) + "\n")
        part.replace(self.path)


def machine(kit: Kit) -> dict:
    """The graphics card, its driver and memory, the processor's cores and PyTorch's version."""
    import torch

    found = {"device": kit.arguments.device, "cores": os.cpu_count(), "torch": torch.__version__}
    query = kit.run(["sh", "-c", "nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader"])
    if query.reason is None and query.stdout.strip():
        found["card"], found["driver"], found["memory"] = query.stdout.strip().splitlines()[0].split(", ")
    return found


def arguments(description: str, *more: tuple[str, dict]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", choices=["gpu", "cpu", "software"], default="gpu")
    parser.add_argument("--seconds", type=float, default=540, help="the mode ends by itself before")
    parser.add_argument("--out", type=Path, default=Path("gpu_kit_results"))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "prosector_gpu_kit")
    parser.add_argument("--quick", action="store_true", help="tiny settings, to try the mode itself")
    for name, options in more:
        parser.add_argument(name, **options)
    return parser.parse_args()


def _descriptions(pattern: str) -> list[str]:
    return [path for folder in SYSTEM_DRIVERS for path in glob.glob(f"{folder}/{pattern}.json")]


def _software_driver() -> str:
    """Mesa's, which draws on the processor."""
    found = _descriptions("lvp_icd*")
    if not found:
        raise SystemExit("no software adapter: install Mesa's Vulkan drivers")
    return found[0]


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
