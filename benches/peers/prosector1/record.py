"""Recordings for `prosector parity`: inputs and outputs as safetensors, the weights as burnpack beside it."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from . import weights
from .net import IMAGE_CHANNELS, PROMPT_CHANNELS, TRUST, NetConfig, ProsectorNet
from .prompts import SIDE, Prompts, draw

# Small enough to be kept with the tests.
TINY = NetConfig(structures=2, widths=(8, 8, 16, 16), fine_width=8, refiner_widths=(4, 4, 8, 8))
TINY_SIDE = 16


def record(arguments) -> None:
    """The shipped network with its prompts drawn at full size, and a tiny one with random weights."""
    torch.manual_seed(20261128)
    arguments.out.mkdir(parents=True, exist_ok=True)
    stored = weights.read_burnpack(arguments.weights)
    structures = stored["refiner.head.linear.bias"].shape[0]
    shipped = ProsectorNet(NetConfig(structures=structures))
    weights.load(shipped, arguments.weights)
    _record(arguments.out / "prosector1_shipped", shipped, NetConfig(structures=structures), SIDE, _drawn())
    tiny = ProsectorNet(TINY)
    for parameter in tiny.parameters():
        # The heads start at zero, which would hide what comes before them.
        nn.init.normal_(parameter, std=0.3)
    _record(arguments.out / "prosector1_tiny", tiny, TINY, TINY_SIDE, {})


def _record(path: Path, net: ProsectorNet, config: NetConfig, side: int, drawn: dict[str, Tensor]) -> None:
    weights.write_burnpack(path.with_suffix(".bpk"), weights.half(net))
    weights.load(net, path.with_suffix(".bpk"))
    # In single precision PyTorch's means over a hundred thousand voxels lose more digits than the program's.
    net.double()
    image = _scan(side).double()
    prompts = torch.rand(1, side, side, side, PROMPT_CHANNELS).double()
    with torch.no_grad():
        embedding = net.encode(image)
        first = net.first_answer(embedding)
        trust = torch.full((1, 1, 1, 1, 1), TRUST).double()
        outputs = {
            "fine": embedding.fine,
            **{f"level{k}": level for k, level in enumerate(embedding.levels)},
            "prompted": net.prompted(embedding, prompts),
            "first_answer": first,
            "refined": net.refined(embedding, first, trust),
        }
    tensors = {"in/image": image, "in/prompts": prompts, "in/trust": trust}
    tensors |= {f"out/{name}": tensor for name, tensor in outputs.items()} | drawn
    tensors = {name: tensor.float().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, path.with_suffix(".safetensors"), {"config": json.dumps(asdict(config))})


def _scan(side: int) -> Tensor:
    """A region as smooth as scans are, all of it inside the scan."""
    coarse = torch.randn(1, IMAGE_CHANNELS, 6, 6, 6)
    smooth = F.interpolate(coarse, size=(side,) * 3, mode="trilinear").permute(0, 2, 3, 4, 1)
    image = smooth + 0.1 * torch.randn_like(smooth)
    image[..., 2] = 1
    return image


def _drawn() -> dict[str, Tensor]:
    """Prompts of each kind drawn on one region: a box, clicks, and a click on a mask so far."""
    intensity = torch.randn(SIDE, SIDE, SIDE)
    inside = (torch.arange(SIDE) < SIDE - 5).float().expand(SIDE, SIDE, SIDE).contiguous()
    previous = (torch.rand(SIDE, SIDE, SIDE) > 0.7).float()
    clicks = [[20.5, 18.0, 25.0, 1.0], [7.0, 40.0, 11.25, -1.0]]
    box = [10.5, 8.0, 12.0, 31.5, 40.0, 29.0]
    kinds = {
        "box": Prompts(box=box),
        "clicks": Prompts(clicks=clicks),
        "mask": Prompts(clicks=clicks, previous=previous),
    }
    tensors = {"draw/intensity": intensity, "draw/inside": inside, "draw/previous": previous}
    tensors |= {"draw/clicks": torch.tensor(clicks), "draw/box": torch.tensor(box)}
    return tensors | {f"out/draw.{name}": draw(prompts, intensity, inside) for name, prompts in kinds.items()}
