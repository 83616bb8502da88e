#!/usr/bin/env python3
"""The published networks at their full sizes, random weights, beside PyTorch on the same machine in one run.

Usage: pip install torch, then
       python3 benches/peers/published.py [CASE..] [--threads 2] [--repeats 2]

Wall time, and processor time of all threads, which is what can be compared while other programs run. Each case runs in
a process of its own, ours (`cargo bench --bench published`) and PyTorch's in turn, so that the peak
memory is the case's. The PyTorch networks are written here after the papers' specifications, as their authors wrote
them: attention scores as one tensor, relative positions added to them, AutoProSAM's 512-cube made before its patches.

Cases: sam_vit_b_512, sam_vit_b_1024, masam_vit_b, autoprosam_128, desam_decoder.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

CASES = ["sam_vit_b_512", "sam_vit_b_1024", "masam_vit_b", "autoprosam_128", "desam_decoder"]
ROOT = Path(__file__).resolve().parents[2]


def torch_networks(threads):
    """The cases' networks; torch is imported only in the process that needs it."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(0)

    class Attention(nn.Module):
        """2D or 3D window attention with decomposed relative positions."""

        def __init__(self, width, heads, shape):
            super().__init__()
            self.heads, self.shape = heads, shape
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.tables = nn.ParameterList(nn.Parameter(torch.randn(2 * n - 1, width // heads) * 0.02) for n in shape)

        def forward(self, x):  # [windows, *shape, width]
            batch, *shape, width = x.shape
            tokens = x[0, ..., 0].numel()
            qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            q, k, v = qkv.reshape(3, batch * self.heads, tokens, -1).unbind(0)
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
            grid = q.reshape(-1, *shape, q.shape[-1])
            scores = scores.view(-1, *shape, *shape)
            axes = len(shape)
            for axis, (n, table) in enumerate(zip(shape, self.tables)):
                places = torch.arange(n)[:, None] - torch.arange(n)[None] + n - 1
                letters = "xyz"[:axes]
                rel = torch.einsum(f"b{letters}c,{letters[axis]}kc->b{letters}k", grid, table[places])
                view = [rel.shape[0], *shape, *([1] * axes)]
                view[1 + axes + axis] = n
                scores = scores + rel.reshape(view)
            out = scores.view(-1, tokens, tokens).softmax(-1) @ v
            out = out.view(batch, self.heads, tokens, -1).transpose(1, 2).reshape(batch, *shape, width)
            return self.proj(out)

    def mlp(width, inner):
        return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

    class SliceAdapter(nn.Module):
        """MA-SAM's adapter: down, a convolution along the slices, GELU, up."""

        def __init__(self, width, inner=384):
            super().__init__()
            self.norm, self.down, self.up = nn.LayerNorm(width), nn.Linear(width, inner, bias=False), nn.Linear(inner, width, bias=False)
            self.conv = nn.Conv3d(inner, inner, (3, 1, 1), padding=(1, 0, 0))

        def forward(self, x, slices=5):
            y = self.down(self.norm(x))
            b, h, w, c = y.shape
            y = y.reshape(b // slices, slices, h, w, c).permute(0, 4, 1, 2, 3)
            y = F.gelu(self.conv(y)).permute(0, 2, 3, 4, 1).reshape(b, h, w, c)
            return x + self.up(y)

    class Block2d(nn.Module):
        def __init__(self, width, heads, grid, window, adapters):
            super().__init__()
            self.window = window
            side = window or grid
            self.attn = Attention(width, heads, (side, side))
            self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
            self.mlp = mlp(width, 4 * width)
            self.adapters = nn.ModuleList(SliceAdapter(width) for _ in range(2 if adapters else 0))

        def forward(self, x):
            if self.adapters:
                x = self.adapters[0](x)
            b, h, w, c = x.shape
            y = self.norm1(x)
            if self.window:
                n = self.window
                ph, pw = (-h) % n, (-w) % n
                y = F.pad(y, (0, 0, 0, pw, 0, ph))
                hh, ww = h + ph, w + pw
                y = y.view(b, hh // n, n, ww // n, n, c).transpose(2, 3).reshape(-1, n, n, c)
                y = self.attn(y)
                y = y.view(b, hh // n, ww // n, n, n, c).transpose(2, 3).reshape(b, hh, ww, c)[:, :h, :w]
            else:
                y = self.attn(y)
            x = x + y
            if self.adapters:
                x = self.adapters[1](x)
            return x + self.mlp(self.norm2(x))

    class ChannelNorm(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

        def forward(self, x):
            mean = x.mean(1, keepdim=True)
            x = (x - mean) / ((x - mean).pow(2).mean(1, keepdim=True) + 1e-6).sqrt()
            shape = [1, -1] + [1] * (x.dim() - 2)
            return x * self.weight.view(shape) + self.bias.view(shape)

    class Vit(nn.Module):
        """SAM's ViT-B encoder."""

        def __init__(self, side, adapters=False, width=768, depth=12):
            super().__init__()
            grid = side // 16
            self.patch = nn.Conv2d(3, width, 16, 16)
            self.position = nn.Parameter(torch.zeros(1, grid, grid, width))
            self.blocks = nn.Sequential(*(Block2d(width, 12, grid, 0 if i in (2, 5, 8, 11) else 14, adapters) for i in range(depth)))
            self.neck = nn.Sequential(
                nn.Conv2d(width, 256, 1, bias=False), ChannelNorm(256), nn.Conv2d(256, 256, 3, padding=1, bias=False), ChannelNorm(256)
            )

        def forward(self, x):
            x = self.patch(x).permute(0, 2, 3, 1) + self.position
            return self.neck(self.blocks(x).permute(0, 3, 1, 2))

    class Block3d(nn.Module):
        """3DSAM-adapter's block: adapter, shifted window attention, perceptron."""

        def __init__(self, width, heads, shift):
            super().__init__()
            self.shift, half = shift, width // 2
            self.down, self.up = nn.Linear(width, half), nn.Linear(half, width)
            self.conv = nn.Conv3d(half, half, 3, padding=1, groups=half)
            self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
            self.attn, self.mlp = Attention(width, heads, (8, 8, 8)), mlp(width, 4 * width)

        def forward(self, x):
            y = F.relu(self.down(x)).permute(0, 4, 1, 2, 3)
            x = x + F.relu(self.up(F.relu(self.conv(y)).permute(0, 2, 3, 4, 1)))
            b, h, w, d, c = x.shape
            y = self.norm1(x)
            if self.shift:
                y = torch.roll(y, (-4, -4, -4), (1, 2, 3))
            y = y.view(b, h // 8, 8, w // 8, 8, d // 8, 8, c).permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, 8, 8, 8, c)
            y = self.attn(y)
            y = y.view(b, h // 8, w // 8, d // 8, 8, 8, 8, c).permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(b, h, w, d, c)
            if self.shift:
                y = torch.roll(y, (4, 4, 4), (1, 2, 3))
            x = x + y
            return x + self.mlp(self.norm2(x))

    def conv_norm(a, b):
        return nn.Sequential(nn.Conv3d(a, b, 3, padding=1, bias=False), nn.InstanceNorm3d(b), nn.ReLU())

    class Generator(nn.Module):
        """The Auto Prompt Generator, a U-Net of base 16."""

        def __init__(self):
            super().__init__()
            widths = [16, 32, 64, 128, 160]
            self.first = nn.Sequential(nn.Conv3d(256, 16, 3, padding=1, bias=False), conv_norm(16, 16))
            self.down = nn.ModuleList(nn.Sequential(nn.MaxPool3d(2), conv_norm(a, b), conv_norm(b, b)) for a, b in zip(widths, widths[1:]))
            self.up = nn.ModuleList(nn.Sequential(conv_norm(a + b, a), conv_norm(a, a)) for a, b in zip(widths, widths[1:]))
            self.out = nn.Conv3d(16, 256, 1)

        def forward(self, x):
            skips = [self.first(x)]
            for block in self.down:
                skips.append(block(skips[-1]))
            x = skips.pop()
            for block in reversed(self.up):
                skip = skips.pop()
                x = F.interpolate(x, skip.shape[2:], mode="trilinear", align_corners=True)
                x = block(torch.cat([skip, x], 1))
            return self.out(x)

    class AutoProSam(nn.Module):
        def __init__(self, classes=16, width=768):
            super().__init__()
            self.patch = nn.Conv2d(3, width, 16, 16)
            self.slices = nn.Conv3d(width, width, (1, 1, 16), (1, 1, 16), groups=width)
            self.blocks = nn.ModuleList(Block3d(width, 12, i % 2 == 0) for i in range(12))
            self.necks = nn.ModuleList(
                nn.Sequential(nn.Conv3d(width, 256, 1, bias=False), ChannelNorm(256), nn.Conv3d(256, 256, 3, padding=1, bias=False), ChannelNorm(256))
                for _ in range(4)
            )
            self.generator = Generator()
            self.heads = nn.ModuleList(nn.Sequential(conv_norm(256, 128), conv_norm(128, 128)) for _ in range(4))
            self.classify = nn.Sequential(conv_norm(4 * 128 + 1, 128), nn.Conv3d(128, classes, 3, padding=1, bias=False))

        def forward(self, volume):  # [1, 1, 128, 128, 128]
            x = F.interpolate(volume, scale_factor=4, mode="trilinear")
            x = x.repeat(1, 3, 1, 1, 1)[0].transpose(0, 1)
            x = self.patch(x).permute(1, 2, 3, 0)[None]
            x = self.slices(x).permute(0, 2, 3, 4, 1)
            features = []
            for i, block in enumerate(self.blocks):
                x = block(x)
                if i % 3 == 2:
                    features.append(self.necks[i // 3](x.permute(0, 4, 1, 2, 3)))
            features = features[::-1]
            features[3] = self.generator(features[3])
            maps = [F.interpolate(h(f), scale_factor=2, mode="trilinear", align_corners=True) for h, f in zip(self.heads, features)]
            small = F.interpolate(volume.permute(0, 1, 3, 4, 2), scale_factor=0.5, mode="trilinear")
            return F.interpolate(self.classify(torch.cat([*maps, small], 1)), scale_factor=2, mode="trilinear", align_corners=True)

    class Residual(nn.Module):
        """DeSAM's residual block with squeeze and excitation."""

        def __init__(self, a, b):
            super().__init__()
            self.one, self.two = nn.Conv2d(a, b, 3, padding=1, bias=False), nn.Conv2d(b, b, 3, padding=1, bias=False)
            self.skip = nn.Conv2d(a, b, 1, bias=False) if a != b else None
            self.squeeze = nn.Sequential(nn.Linear(b, b // 16, bias=False), nn.ReLU(), nn.Linear(b // 16, b, bias=False), nn.Sigmoid())

        def forward(self, x):
            y = F.leaky_relu(F.instance_norm(self.one(x)))
            y = F.instance_norm(self.two(y))
            y = y * self.squeeze(y.mean((2, 3)))[:, :, None, None]
            return F.leaky_relu(y + (x if self.skip is None else F.instance_norm(self.skip(x))))

    class DesamDecoder(nn.Module):
        """The mask module per prompt, everything computed again as the authors do."""

        def __init__(self, deep=1280):
            super().__init__()
            up = lambda a, b: nn.ConvTranspose2d(a, b, 2, 2, bias=False)
            self.c0 = Residual(deep, 256)
            self.c1 = nn.Sequential(Residual(deep, 128), up(128, 128), Residual(128, 128))
            self.c2 = nn.Sequential(Residual(deep, 64), up(64, 64), Residual(64, 64), up(64, 64), Residual(64, 64))
            self.fuse, self.up0, self.up1 = Residual(512, 256), up(256, 128), up(128, 64)
            self.r0, self.r1, self.out = Residual(256, 128), Residual(128, 64), nn.Conv2d(64, 1, 1, bias=False)

        def forward(self, inputs):
            mask, f8, f16, f24 = inputs
            x = self.fuse(torch.cat([mask, self.c0(f24)], 1))
            x = self.r0(torch.cat([self.up0(x), self.c1(f16)], 1))
            return self.out(self.r1(torch.cat([self.up1(x), self.c2(f8)], 1)))

    return {
        "sam_vit_b_512": lambda: (Vit(512), torch.randn(1, 3, 512, 512)),
        "sam_vit_b_1024": lambda: (Vit(1024), torch.randn(1, 3, 1024, 1024)),
        "masam_vit_b": lambda: (Vit(512, adapters=True), torch.randn(5, 3, 512, 512)),
        "autoprosam_128": lambda: (AutoProSam(), torch.randn(1, 1, 128, 128, 128)),
        "desam_decoder": lambda: (DesamDecoder(), [torch.randn(1, 256, 64, 64), *(torch.randn(1, 1280, 64, 64) for _ in range(3))]),
    }


def run_torch(case, threads, repeats, device):
    import torch

    network, inputs = torch_networks(threads)[case]()
    network.eval().to(device)
    inputs = [x.to(device) for x in inputs] if isinstance(inputs, list) else inputs.to(device)
    wall, processor = [], []
    with torch.no_grad():
        for _ in range(repeats):
            started, cpu = time.perf_counter(), time.process_time()
            network(inputs)
            if device == "cuda":
                torch.cuda.synchronize()
            wall.append(time.perf_counter() - started)
            processor.append(time.process_time() - cpu)
    times = {"first_seconds": wall[0], "seconds": min(wall), "cpu_seconds": min(processor)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"case": case, **times, "peak_mb": peak}))


def child(command, threads):
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    out = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(out.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--torch", action="store_true", help="time one case in PyTorch alone, a line of JSON")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="with --torch")
    args = parser.parse_args()
    if args.torch:
        run_torch(args.cases[0], args.threads, args.repeats, args.device)
        return
    print(f"{'case':16} {'ours s':>8} {'torch s':>8} {'ratio':>6} {'CPU s':>8} {'CPU s':>8} {'ratio':>6} {'ours MB':>8} {'torch MB':>9}")
    for case in args.cases:
        ours = child(["cargo", "bench", "--quiet", "--bench", "published", "--", case, str(args.repeats)], args.threads)
        torch = child([sys.executable, __file__, case, "--torch", "--threads", str(args.threads), "--repeats", str(args.repeats)], args.threads)
        times = " ".join(f"{ours[key]:8.2f} {torch[key]:8.2f} {ours[key] / torch[key]:6.2f}" for key in ("seconds", "cpu_seconds"))
        print(f"{case:16} {times} {ours['peak_mb']:8.0f} {torch['peak_mb']:9.0f}", flush=True)


if __name__ == "__main__":
    main()
