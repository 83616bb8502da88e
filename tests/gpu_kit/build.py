#!/usr/bin/env python3
"""Builds the kit for a machine with a GPU and nothing of ours; README.md beside this says what is done with it.

Usage: cargo build --release --locked && cargo bench --locked --no-run --bench published --bench samples
       python3 tests/gpu_kit/build.py [--modes check,bench] [--out gpu_kit] [--cache FILE] [--state DIR]

Debian's packages of the Vulkan and OpenGL loaders are fetched by `apt-get download`, or taken from --libraries.
"""

import argparse
import json
import lzma
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
SHARED = PROJECT.parent / "shared"
WEIGHTS = PROJECT / "weights" / "prosector1.bpk"
RECIPE = PROJECT / "assets" / "train" / "prosector1.toml"
MODES = ["check", "bench", "train"]
MOST_BYTES = 60 << 20
LOADERS = ["libvulkan1", "libegl1", "libglvnd0", "libopengl0", "libgl1", "libglx0", "libgles2"]
# Recordings that the check takes along, the smallest first until this many bytes are full.
RECORDINGS_BYTES = 10 << 20
RECORDED = ["masam", "autoprosam", "desam"]
# These are compared with a checkpoint file beside them, which says nothing new of a device.
OF_CHECKPOINTS = ["pth_expected", "ckpt_forward", "volume_test", "sliding_window"]
MACHINE_CODE = {"id": lzma.FILTER_X86}
# Half-precision numbers: what comes of the upper byte depends on upper bytes.
NUMBERS = {"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 3, "lp": 1, "pb": 1}


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modes", default="check,bench", help="a comma-separated list of check, bench and train")
    parser.add_argument("--out", type=Path, default=PROJECT / "gpu_kit")
    parser.add_argument("--target", type=Path, default=PROJECT / "target" / "release", help="where the programs are")
    parser.add_argument("--cache", type=Path, help="the packed training cache; otherwise it is packed now")
    parser.add_argument("--state", type=Path, help="pieces that an earlier training call left")
    parser.add_argument("--batch", type=int, help="samples of a training step, instead of the recipe's")
    parser.add_argument("--libraries", type=Path, help="a folder with the loaders' .deb files")
    arguments = parser.parse_args()
    arguments.modes = arguments.modes.split(",")
    if unknown := set(arguments.modes) - set(MODES):
        parser.error(f"no mode {', '.join(unknown)}; there are {', '.join(MODES)}")
    return arguments


def pack_program(path: Path, packed: Path) -> int | None:
    """Compresses a program without symbols and without the weights in it; returns where those were."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder) / path.name
        subprocess.run(["strip", "-o", stripped, path], check=True)
        content = stripped.read_bytes()
    weights = WEIGHTS.read_bytes()
    at = content.find(weights)
    if at >= 0:
        content = content[:at] + bytes(len(weights)) + content[at + len(weights) :]
    compression = {"id": lzma.FILTER_LZMA2, "preset": 6}
    write_packed(packed, content, [MACHINE_CODE, compression])
    return at if at >= 0 else None


def write_packed(path: Path, content: bytes, filters: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(content, format=lzma.FORMAT_XZ, filters=filters))


def built(target: Path, name: str) -> Path:
    """The program, or the newest build of a benchmark."""
    benchmarks = [path for path in (target / "deps").glob(f"{name}-*") if not path.suffix]
    found = [target / name] if (target / name).exists() else benchmarks
    if not found:
        sys.exit(f"{target} has no {name}: build it as the head of this file says")
    return max(found, key=lambda path: path.stat().st_mtime)


def add_libraries(folder: Path, packages: Path | None) -> None:
    """The loaders, each under the name by which programs ask for it."""
    folder.mkdir()
    with tempfile.TemporaryDirectory() as work:
        if packages is None:
            subprocess.run(["apt-get", "download", "-q", *LOADERS], cwd=work, check=True, stderr=subprocess.DEVNULL)
        for package in sorted((packages or Path(work)).glob("*.deb")):
            subprocess.run(["dpkg", "-x", package, f"{work}/root"], check=True)
        for library in Path(work).glob("root/usr/lib/*/*.so.*"):
            if re.fullmatch(r".*\.so\.\d+", library.name):
                shutil.copyfile(library, folder / library.name)


def add_scans(folder: Path, binary: Path) -> None:
    """The built-in phantom and its truth."""
    folder.mkdir()
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([binary, "demo", "--headless", "--device", "cpu", "-o", work], check=True)
        for name in ("phantom.nii.gz", "truth.nii.gz"):
            shutil.copyfile(Path(work) / name, folder / name)


def add_recordings(folder: Path) -> None:
    """The twin's recording and the smallest of the published systems, each in a folder of its own."""
    groups = {"twin": sorted((PROJECT / "tests" / "data" / "twin").glob("*"))}
    full = sum(path.stat().st_size for path in groups["twin"])
    recordings = [path for system in RECORDED for path in (SHARED / "golden" / system).glob("*.safetensors")]
    for path in sorted(recordings, key=lambda path: path.stat().st_size):
        size = path.stat().st_size
        if full + size <= RECORDINGS_BYTES and not any(words in path.stem for words in OF_CHECKPOINTS):
            full += size
            groups[f"{path.parent.name}_{path.stem}"] = [path]
    for name, files in groups.items():
        (folder / name).mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, folder / name / file.name)


def add_twin(folder: Path) -> None:
    shutil.copytree(PROJECT / "benches" / "peers" / "prosector1", folder / "prosector1", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(PROJECT / "benches" / "peers" / "prosector1.py", folder / "prosector1.py")


def add_training(out: Path, arguments: argparse.Namespace) -> None:
    """The recipe with its paths in the kit, the split, the cache, the card, and what an earlier call left."""
    recipe = RECIPE.read_text()
    for name, value in {"initial_weights": "weights/prosector1.bpk", "splits": "splits.toml", "checkpoints": "checkpoints"}.items():
        recipe = re.sub(rf'(?m)^{name} = ".*"$', f'{name} = "{value}"', recipe)
    if arguments.batch:
        recipe = re.sub(r"(?m)^batch = \d+$", f"batch = {arguments.batch}", recipe)
    (out / "recipe.toml").write_text(recipe)
    shutil.copyfile(PROJECT / "assets" / "splits.toml", out / "splits.toml")
    shutil.copyfile(WEIGHTS.with_suffix(".toml"), out / "card.toml")
    if arguments.cache:
        shutil.copyfile(arguments.cache, out / "train.cache")
    else:
        subprocess.run([arguments.target / "prosector", "train", RECIPE, "--pack", out / "train.cache"], check=True)
    if arguments.state:
        (out / "state").mkdir()
        for path in arguments.state.iterdir():
            if re.fullmatch(r"(model\.bpk|optimizer\.safetensors)\.\d+|model\.toml|progress\.json", path.name):
                shutil.copyfile(path, out / "state" / path.name)


def build(out: Path, arguments: argparse.Namespace) -> None:
    modes = arguments.modes
    out.mkdir(parents=True)
    shutil.copyfile(HERE / "kit.sh", out / "kit.sh")
    (out / "kit.sh").chmod(0o755)
    shutil.copytree(HERE / "modes", out / "modes", ignore=shutil.ignore_patterns("__pycache__"))
    if {"check", "bench"} & set(modes):
        add_libraries(out / "lib", arguments.libraries)
    programs = {"check": "prosector", "bench": "published", "train": "samples"}
    if "bench" in modes:
        (out / "peers").mkdir()
        shutil.copyfile(PROJECT / "benches" / "peers" / "published.py", out / "peers" / "published.py")
    holes = {}
    for name in map(programs.get, modes):
        holes[name] = pack_program(built(arguments.target, name), out / "bin" / f"{name}.xz")
    (out / "kit.json").write_text(json.dumps({"modes": modes, "weights_at": holes}) + "\n")
    if not arguments.state:
        write_packed(out / "weights" / "prosector1.bpk.xz", WEIGHTS.read_bytes(), [NUMBERS])
    if "check" in modes:
        add_scans(out / "scans", arguments.target / "prosector")
        add_recordings(out / "recordings")
    if {"bench", "train"} & set(modes):
        add_twin(out / "twin")
    if "train" in modes:
        add_training(out, arguments)


def tell_size(out: Path) -> None:
    sizes = {part.name: sum(f.stat().st_size for f in [part, *part.rglob("*")] if f.is_file()) for part in out.iterdir()}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size / (1 << 20):7.2f} MiB  {name}")
    whole = sum(sizes.values())
    print(f"{whole / (1 << 20):7.2f} MiB in {out}")
    if whole > MOST_BYTES:
        sys.exit(f"more than {MOST_BYTES >> 20} MiB: build a kit with fewer modes")


def main() -> None:
    arguments = parsed_arguments()
    # Beside the old one until it is whole.
    part = arguments.out.with_name(arguments.out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    build(part, arguments)
    shutil.rmtree(arguments.out, ignore_errors=True)
    part.rename(arguments.out)
    tell_size(arguments.out)


if __name__ == "__main__":
    main()
