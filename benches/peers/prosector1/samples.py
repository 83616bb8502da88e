"""The samples that `prosector train RECIPE --samples` draws, a dictionary of tensors per step."""

import queue
import random
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from safetensors.torch import load
from torch import Tensor

LENGTH = struct.Struct("<Q")
# Steps that wait for the trainer at most.
AHEAD = 8
# Steps that are kept to be learnt from again.
KEPT = 64


def drawn(command: list[str], first: int, last: int) -> Iterator[dict[str, Tensor]]:
    """The batches of steps `first` to `last`, drawn by `command` while earlier ones are learnt from."""
    process = subprocess.Popen([*command, "--samples", f"{first}..{last}"], stdout=subprocess.PIPE, bufsize=1 << 20)
    batches = queue.Queue(AHEAD)

    def read() -> None:
        while len(head := process.stdout.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            blob = process.stdout.read(length)
            if len(blob) < length:  # The run is over, and the program was stopped in the middle of a batch.
                break
            batches.put(load(blob))
        batches.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        for _ in range(first, last):
            if (batch := batches.get()) is None:
                raise RuntimeError(f"the samples ended early: {command[0]} stopped with status {process.wait()}")
            yield batch
    finally:
        process.kill()


def repeated(batches: Iterator[dict[str, Tensor]], times: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Each of `batches` about so many `times`, the later ones among others' and mirrored: drawing a sample costs a
    processor as much as learning from it."""
    rng = random.Random(seed)
    kept: list[dict[str, Tensor]] = []
    for batch in batches:
        yield batch
        kept = [*kept[1 - KEPT :], batch]
        for _ in range(times - 1):
            yield mirrored(rng.choice(kept), [axis for axis in range(3) if rng.random() < 0.5])


def mirrored(batch: dict[str, Tensor], axes: list[int]) -> dict[str, Tensor]:
    """The batch with its prompted samples mirrored along `axes` of (i, j, k). Structures have sides, so what the
    automatic path learns stays as it is."""
    batch = dict(batch)
    if not axes or "prompted.image" not in batch:
        return batch
    for name in ("prompted.image", "prompted.truth", "prompted.previous"):
        batch[name] = batch[name].flip([3 - axis for axis in axes])
    clicks, box = batch["prompted.clicks"].clone(), batch["prompted.box"].clone()
    # Voxel centres have whole coordinates.
    last = batch["prompted.truth"].shape[-1] - 1
    for axis in axes:
        clicks[..., axis] = last - clicks[..., axis]
        box[:, [axis, 3 + axis]] = last - box[:, [3 + axis, axis]]
    return batch | {"prompted.clicks": clicks, "prompted.box": box}


def command(binary: Path, recipe: Path, cache: Path | None) -> list[str]:
    """What draws the samples of a recipe, from its data or from a packed cache."""
    return [str(binary.resolve()), "train", str(recipe), *(["--cache", str(cache)] if cache else [])]
