#!/usr/bin/env python3
"""What a training call leaves, in pieces small enough to be brought back, and put together again.

Usage: python3 pieces.py FOLDER      joins the pieces in FOLDER: model.bpk with its card model.toml, and optimizer.safetensors

The averaged weights stand for the weights too. Of AdamW's state the second moments are kept as means over rows and over
columns, whose product is close to them (Adafactor); the first moments forget in ten steps and start from zero.
"""

import hashlib
import json
import sys
import tomllib
from pathlib import Path

PIECE_BYTES = 15 << 20


def split(path: Path, folder: Path) -> None:
    """Copies a file into `folder`, as `NAME.0`, `NAME.1`, ..."""
    content = path.read_bytes()
    for n in range(0, len(content), PIECE_BYTES):
        (folder / f"{path.name}.{n // PIECE_BYTES}").write_bytes(content[n : n + PIECE_BYTES])


def join(name: str, folder: Path) -> bytes:
    """The content of a file that was split into `folder`."""
    pieces = sorted(folder.glob(f"{name}.[0-9]*"), key=lambda piece: int(piece.suffix[1:]))
    if not pieces:
        raise FileNotFoundError(f"{folder} has no piece of {name}")
    return b"".join(piece.read_bytes() for piece in pieces)


def joined_weights(folder: Path) -> bytes:
    """The weights in pieces, which are those that the card names."""
    content = join("model.bpk", folder)
    wanted = tomllib.loads((folder / "model.toml").read_text())["sha256"]
    if hashlib.sha256(content).hexdigest() != wanted:
        raise ValueError(f"{folder}: the pieces are not the weights that model.toml names; bring them all back again")
    return content


def save(run, folder: Path, out: Path) -> None:
    """Leaves a run, which has saved itself in `folder`, in pieces in `out`."""
    split(folder / "model.bpk", out)
    (out / "model.toml").write_bytes((folder / "model.toml").read_bytes())
    save_moments(run, folder / "optimizer.safetensors")
    split(folder / "optimizer.safetensors", out)
    (out / "progress.json").write_text(json.dumps({"step": run.step, "seconds": run.seconds}) + "\n")


def save_moments(run, path: Path) -> None:
    from safetensors.torch import save_file

    moments = {}
    for name, parameter in run.net.named_parameters():
        if parameter in run.optimizer.state:
            second = run.optimizer.state[parameter]["exp_avg_sq"].cpu()
            second = second.reshape(-1, second.shape[-1])
            moments[f"{name}/rows"], moments[f"{name}/columns"] = second.mean(1), second.mean(0)
    save_file(moments, path)


def load_moments(run, content: bytes) -> None:
    """Fills AdamW's state; parameters that learnt nothing before start anew."""
    import torch
    from safetensors.torch import load

    moments = load(content)
    for name, parameter in run.net.named_parameters():
        if f"{name}/rows" in moments:
            rows, columns = (moments[f"{name}/{axis}"].to(parameter.device) for axis in ("rows", "columns"))
            second = rows[:, None] * columns / rows.mean().clamp_min(torch.finfo(rows.dtype).tiny)
            run.optimizer.state[parameter] = {
                "step": torch.tensor(float(run.step)),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": second.reshape(parameter.shape).contiguous(),
            }


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "model.bpk").write_bytes(joined_weights(target))
    (target / "optimizer.safetensors").write_bytes(join("optimizer.safetensors", target))
