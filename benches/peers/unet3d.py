#!/usr/bin/env python3
"""A plain 3D U-Net in PyTorch, trained and measured on the same patients as the model in the box.

Usage: pip install torch nibabel numpy, then
       python3 benches/peers/unet3d.py DATA/train assets/splits.toml head_neck --samples 13600 --bfloat16
       python3 benches/peers/unet3d.py DATA/train assets/splits.toml hippocampus --samples 20100 --bfloat16
These are about the numbers of automatic samples that the shipped weights saw of each data set (the stages are told in
assets/train/prosector1.toml and prosector1_refiner.toml).

It learns the structures of one data set without prompts: random 48-cubes at the spacing of the recipe of the model in
the box, the same share of them near a structure, Dice plus cross-entropy, AdamW, cosine schedule. A structure that
was not contoured in a patient is left out of the loss there. It prints the validation patients' Dice, the wall times
and CPU times of training and of segmenting, and the peak memory. `prosector evaluate --protocol auto` prints ours.
`--bfloat16` computes the convolutions in mixed precision, as is usual: twice as fast on a processor that has it.
`--device cuda` computes on a graphics card.
"""

import argparse
import math
import random
import resource
import time
import tomllib
from pathlib import Path

import nibabel
import numpy
import torch
from torch import nn
from torch.nn import functional as F

SIDE = 48
BATCH = 2
SETS = {
    "head_neck": {
        "spacing_mm": (4.0, 4.0, 3.0),
        "classes": ["brainstem", "spinal_cord", "right_parotid", "left_parotid", "esophagus", "larynx", "mandible"],
        "absent_is_unknown": True,
    },
    "hippocampus": {
        "spacing_mm": (1.0, 1.0, 1.0),
        "classes": ["anterior_hippocampus", "posterior_hippocampus"],
        "absent_is_unknown": False,
    },
}


def files(data, name):
    """Case name to (image, labels)."""
    if name == "head_neck":
        for image in sorted((data / name).glob("*_ct.nii.gz")):
            case = image.name.removesuffix("_ct.nii.gz")
            yield case, image, image.with_name(f"{case}_oar.nii.gz")
    else:
        for image in sorted((data / name / "images").glob("*.nii.gz")):
            yield image.name.removesuffix(".nii.gz"), image, data / name / "labels" / image.name


def load(image_path, labels_path, spacing_mm):
    """Image (normalised) and labels at the working spacing, and the labels as they are stored."""
    image = nibabel.as_closest_canonical(nibabel.load(image_path))
    labels = nibabel.as_closest_canonical(nibabel.load(labels_path))
    values = torch.tensor(image.get_fdata(dtype=numpy.float32))
    truth = torch.tensor(numpy.asanyarray(labels.dataobj).astype(numpy.int64))
    zooms = image.header.get_zooms()[:3]
    size = [max(1, round(n * z / s)) for n, z, s in zip(values.shape, zooms, spacing_mm)]
    if values.min() < -200:  # CT
        values = (values.clamp(-1000, 1000) / 500).float()
    else:
        values = (values - values.mean()) / values.std().clamp_min(1e-3)
    small = F.interpolate(values[None, None], size=size, mode="trilinear", align_corners=False)[0, 0]
    small_truth = F.interpolate(truth[None, None].float(), size=size, mode="nearest-exact")[0, 0].long()
    return small, small_truth, truth


class Block(nn.Sequential):
    def __init__(self, channels_in, channels_out):
        layers = []
        for c in (channels_in, channels_out):
            layers += [nn.Conv3d(c, channels_out, 3, padding=1, bias=False), nn.InstanceNorm3d(channels_out, affine=True), nn.LeakyReLU(0.01)]
        super().__init__(*layers)


class UNet(nn.Module):
    """Four levels, widths 16 to 128."""

    def __init__(self, classes, widths=(16, 32, 64, 128)):
        super().__init__()
        self.down = nn.ModuleList(Block(a, b) for a, b in zip((1, *widths), widths))
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, 2) for a, b in zip(widths, widths[1:]))
        self.join = nn.ModuleList(Block(2 * a, a) for a in widths[:-1])
        self.out = nn.Conv3d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool3d(x, 2))
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.join[level](torch.cat([self.up[level](x), skips[level]], 1))
        return self.out(x)


def crop(volume, start, fill):
    """A 48-cube from a place that may lie partly outside."""
    out = torch.full((SIDE,) * 3, fill, dtype=volume.dtype)
    low = [max(s, 0) for s in start]
    high = [min(s + SIDE, n) for s, n in zip(start, volume.shape)]
    if all(h > l for h, l in zip(high, low)):
        target = tuple(slice(l - s, h - s) for l, h, s in zip(low, high, start))
        out[target] = volume[tuple(slice(l, h) for l, h in zip(low, high))]
    return out


def sample(case, rng):
    values, truth, places = case
    if places and rng.random() < 0.75:
        centre = rng.choice(rng.choice(list(places.values())))
        centre = [int(c) + rng.randint(-10, 10) for c in centre]
    else:
        centre = [rng.randrange(n) for n in values.shape]
    start = [c - SIDE // 2 for c in centre]
    patch = crop(values, start, float(values.min()))
    patch = patch * rng.uniform(0.95, 1.05) + rng.gauss(0, 0.02) + torch.randn_like(patch) * rng.uniform(0, 0.04)
    return patch, crop(truth, start, 0)


def loss_of(logits, truth, known):
    """Of one sample, per known structure: soft Dice where it occurs, and binary cross-entropy."""
    total = 0.0
    for channel in known:
        t = (truth == channel + 1).float()
        z = logits[channel]
        total = total + F.binary_cross_entropy_with_logits(z, t)
        if t.any():
            p = z.sigmoid()
            total = total + 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    return total / len(known)


@torch.no_grad()
def segment(net, values):
    """Mean logits over 48-cubes that overlap by half."""
    classes = net.out.out_channels
    size = [max(n, SIDE) for n in values.shape]
    padded = F.pad(values, [p for n, m in zip(reversed(values.shape), reversed(size)) for p in (0, m - n)], value=float(values.min()))
    total = torch.zeros((classes, *size), device=values.device)
    count = torch.zeros(size, device=values.device)
    steps = [sorted({*range(0, n - SIDE, SIDE // 2), n - SIDE}) for n in size]
    for i in steps[0]:
        for j in steps[1]:
            for k in steps[2]:
                place = (slice(i, i + SIDE), slice(j, j + SIDE), slice(k, k + SIDE))
                total[(slice(None), *place)] += net(padded[place][None, None])[0]
                count[place] += 1
    total /= count
    return total[:, : values.shape[0], : values.shape[1], : values.shape[2]]


def dice(a, b):
    both = (a.sum() + b.sum()).item()
    return 2.0 * (a & b).sum().item() / both if both else 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("splits", type=Path)
    parser.add_argument("dataset", choices=SETS)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    rng = random.Random(1)
    spec = SETS[args.dataset]
    held_out = set(tomllib.loads(args.splits.read_text())[args.dataset]["validation"])
    train, validation = [], []
    for name, image, labels in files(args.data, args.dataset):
        values, truth, stored = load(image, labels, spec["spacing_mm"])
        if name in held_out:
            validation.append((name, values, stored))
        else:
            places = {c: torch.nonzero(truth == c + 1).tolist() for c in range(len(spec["classes"]))}
            train.append((values, truth, {c: p for c, p in places.items() if p}))
    print(f"{len(train)} to train on, {len(validation)} to validate on")

    net = UNet(len(spec["classes"])).to(args.device)
    print(f"{sum(p.numel() for p in net.parameters())} parameters")
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    steps = args.samples // BATCH
    started, started_cpu = time.perf_counter(), time.process_time()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        optimizer.zero_grad()
        drawn = [rng.choice(train) for _ in range(BATCH)]
        samples = [sample(case, rng) for case in drawn]
        patches = torch.stack([patch for patch, _ in samples])[:, None].to(args.device)
        truths = [truth.to(args.device) for _, truth in samples]
        with torch.autocast(args.device, torch.bfloat16, enabled=args.bfloat16):
            logits = net(patches)
        losses = []
        for case, truth, z in zip(drawn, truths, logits.float()):
            present = case[2]
            known = [c for c in range(len(spec["classes"])) if not spec["absent_is_unknown"] or c in present]
            losses.append(loss_of(z, truth, known))
        (sum(losses) / BATCH).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99:
            mean = sum(loss.item() for loss in losses) / BATCH
            print(f"step {step + 1} of {steps}, loss {mean:.3f}, {time.perf_counter() - started:.0f} s", flush=True)
    training, training_cpu = time.perf_counter() - started, time.process_time() - started_cpu

    net.eval()
    scores = {name: [] for name in spec["classes"]}
    started = time.perf_counter()
    for _, values, stored in validation:
        logits = segment(net, values.to(args.device)).cpu()
        logits = F.interpolate(logits[None], size=stored.shape, mode="trilinear", align_corners=False)[0]
        best = logits.argmax(0)
        for channel, name in enumerate(spec["classes"]):
            truth = stored == channel + 1
            if truth.any() or not spec["absent_is_unknown"]:
                scores[name].append(dice((logits[channel] > 0) & (best == channel), truth))
    segmenting = (time.perf_counter() - started) / len(validation)
    for name, values in scores.items():
        print(f"{name}: Dice {sum(values) / len(values):.3f} over {len(values)}")
    means = [sum(v) / len(v) for v in scores.values()]
    print(f"mean: Dice {sum(means) / len(means):.3f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{args.samples} samples, training {training:.0f} s wall and {training_cpu:.0f} s CPU, ", end="")
    print(f"segmenting {segmenting:.2f} s a scan, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
