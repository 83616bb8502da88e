"""The samples that `prosector train RECIPE --samples` draws, a dictionary of tensors per step."""

import queue
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


def command(binary: Path, recipe: Path, cache: Path | None) -> list[str]:
    """What draws the samples of a recipe, from its data or from a packed cache."""
    return [str(binary.resolve()), "train", str(recipe), *(["--cache", str(cache)] if cache else [])]
