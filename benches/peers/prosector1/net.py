"""The network of src/models/prosector1, with the same names of parameters and the same layout of tensors.

Tensors are `[b, d, h, w, channels]` as in the program. Seen by PyTorch as `[b, channels, d, h, w]` that is its
channels-last format, so that nothing is copied on the way into a convolution.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGE_CHANNELS = 3
PROMPT_CHANNELS = 10
GROUP_SIZE = 8
SLOPE = 0.01
EPSILON = 1e-5
# Weights of the prompt channels in the answer before anything is learnt.
PRIOR_WEIGHTS = (2.0, -3.0, 0.5, 5.0, 0.0, -2.0, 0.0, 2.0, 3.0, 0.0)
# How unlikely a voxel is to belong to a structure before anything is learnt, in logits.
RARITY = 4.0
# Logit of a structure where nothing was found.
NOTHING = -5.0
# How much of the first answer the refiner believes once trained.
TRUST = 0.5


@dataclass(frozen=True)
class NetConfig:
    """Sizes of the network, as in src/models/prosector1/config.rs."""

    structures: int
    widths: tuple[int, ...] = (32, 64, 96, 128)
    fine_width: int = 16
    encoder_blocks: tuple[int, ...] = (1, 2, 2, 2)
    refiner_widths: tuple[int, ...] = (16, 32, 64, 128)


def space_to_depth(x: Tensor) -> Tensor:
    """`[b, d, h, w, c]` to `[b, d/2, h/2, w/2, 8c]`, the eight voxels in (z, y, x) order."""
    b, d, h, w, c = x.shape
    split = x.reshape(b, d // 2, 2, h // 2, 2, w // 2, 2, c)
    return split.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, d // 2, h // 2, w // 2, 8 * c)


def depth_to_space(x: Tensor) -> Tensor:
    """The inverse of `space_to_depth`."""
    b, d, h, w, c = x.shape
    split = x.reshape(b, d, h, w, 2, 2, 2, c // 8)
    return split.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(b, 2 * d, 2 * h, 2 * w, c // 8)


class Conv3x3(nn.Module):
    """3×3×3 convolution without bias, weight `[27, in, out]`."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        std = (2.0 / (27 * channels_in)) ** 0.5
        self.weight = nn.Parameter(torch.randn(27, channels_in, channels_out) * std)

    def forward(self, x: Tensor) -> Tensor:
        _, channels_in, channels_out = self.weight.shape
        kernel = self.weight.reshape(3, 3, 3, channels_in, channels_out).permute(4, 3, 0, 1, 2)
        y = F.conv3d(x.permute(0, 4, 1, 2, 3), kernel, padding=1)
        return y.permute(0, 2, 3, 4, 1)


class NormAct(nn.Module):
    """Group normalisation, then leaky ReLU."""

    def __init__(self, channels: int, groups: int | None = None):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.groups = groups or max(1, channels // GROUP_SIZE)

    def forward(self, x: Tensor) -> Tensor:
        # Whatever the precision around it: PyTorch's backward pass is several times slower in half of it.
        y = F.group_norm(x.float().permute(0, 4, 1, 2, 3), self.groups, self.gamma, self.beta, EPSILON)
        return F.leaky_relu(y.to(x.dtype), SLOPE).permute(0, 2, 3, 4, 1)


class DoubleConv(nn.Module):
    """Twice: convolution, normalisation, leaky ReLU."""

    def __init__(self, channels_in: int, channels_out: int, groups: int | None = None):
        super().__init__()
        self.conv_in = Conv3x3(channels_in, channels_out)
        self.norm_in = NormAct(channels_out, groups)
        self.conv_out = Conv3x3(channels_out, channels_out)
        self.norm_out = NormAct(channels_out, groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm_out(self.conv_out(self.norm_in(self.conv_in(x))))


class Linear(nn.Module):
    """Burn's linear layer: weight `[in, out]`, uniform within ±1/√in at first."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        bound = channels_in**-0.5
        self.weight = nn.Parameter(torch.empty(channels_in, channels_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels_out).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.t(), self.bias)


class Pointwise(nn.Module):
    """1×1×1 convolution with bias."""

    def __init__(self, channels_in: int, channels_out: int, zeros: bool = False):
        super().__init__()
        self.linear = Linear(channels_in, channels_out)
        if zeros:
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


class ResidualBlock(nn.Module):
    """Pre-activation residual block."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm_in = NormAct(channels)
        self.conv_in = Conv3x3(channels, channels)
        self.norm_out = NormAct(channels)
        self.conv_out = Conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_out(self.norm_out(self.conv_in(self.norm_in(x))))


class Down(nn.Module):
    """Halves the resolution."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.mix = Pointwise(8 * channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(space_to_depth(x))


class Up(nn.Module):
    """Doubles the resolution."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.mix = Pointwise(channels_in, 8 * channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return depth_to_space(self.mix(x))


@dataclass
class Embedding:
    """Features of regions: `image` and `fine` at full resolution, `levels` at 1/2, 1/4, 1/8 and 1/16."""

    image: Tensor
    fine: Tensor
    levels: list[Tensor]


class Level(nn.Module):
    def __init__(self, config: NetConfig, k: int):
        super().__init__()
        width = config.widths[k]
        if k > 0:
            self.down = Down(config.widths[k - 1], width)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(config.encoder_blocks[k]))
        self.norm = NormAct(width)
        self.out = Pointwise(width, width)


class ImageEncoder(nn.Module):
    def __init__(self, config: NetConfig):
        super().__init__()
        self.fine = DoubleConv(IMAGE_CHANNELS, config.fine_width)
        self.stem = Conv3x3(8 * IMAGE_CHANNELS, config.widths[0])
        self.join = Pointwise(8 * config.fine_width, config.widths[0], zeros=True)
        self.levels = nn.ModuleList(Level(config, k) for k in range(4))

    def forward(self, image: Tensor) -> Embedding:
        fine = self.fine(image)
        x = self.stem(space_to_depth(image)) + self.join(space_to_depth(fine))
        features = []
        for k, level in enumerate(self.levels):
            x = level.down(x) if k > 0 else x
            for block in level.blocks:
                x = block(x)
            features.append(level.out(level.norm(x)))
        return Embedding(image, fine, features)


class PromptEncoder(nn.Module):
    def __init__(self, config: NetConfig):
        super().__init__()
        width = config.widths[0]
        self.mix = Pointwise(8 * PROMPT_CHANNELS, width)
        self.conv = Conv3x3(width, width)

    def forward(self, prompts: Tensor) -> Tensor:
        mixed = F.leaky_relu(self.mix(space_to_depth(prompts)), SLOPE)
        return self.conv(mixed) + mixed


class Refinement(nn.Module):
    """What the decoder's head, which answers for blocks of 2×2×2 voxels, cannot say."""

    def __init__(self, config: NetConfig):
        super().__init__()
        fine = config.fine_width
        self.up = Up(config.widths[0], fine)
        self.block = ResidualBlock(fine)
        self.norm = NormAct(fine)
        self.head = Pointwise(fine, 1 + config.structures, zeros=True)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return self.head(self.norm(self.block(self.up(coarse) + fine)))


class MaskDecoder(nn.Module):
    def __init__(self, config: NetConfig):
        super().__init__()
        widths = config.widths
        self.laterals = nn.ModuleList(Pointwise(w, w) for w in widths)
        self.downs = nn.ModuleList(Down(a, b) for a, b in zip(widths, widths[1:]))
        self.blocks_down = nn.ModuleList(ResidualBlock(w) for w in widths)
        self.ups = nn.ModuleList(Up(b, a) for a, b in zip(widths, widths[1:]))
        self.blocks_up = nn.ModuleList(ResidualBlock(w) for w in widths[:-1])
        self.norm = NormAct(widths[0])
        self.head = Pointwise(widths[0], 8 * (1 + config.structures), zeros=True)
        self.refinement = Refinement(config)

    def forward(self, embedding: Embedding, prompt: Tensor) -> Tensor:
        x, skips = prompt, []
        for k in range(4):
            if k > 0:
                skips.append(x)
                x = self.downs[k - 1](x)
            x = self.blocks_down[k](x + self.laterals[k](embedding.levels[k]))
        for k in reversed(range(3)):
            x = self.blocks_up[k](self.ups[k](x) + skips.pop())
        x = self.norm(x)
        return depth_to_space(self.head(x)) + self.refinement(x, embedding.fine)


class Step(nn.Module):
    def __init__(self, coarse: int, fine: int):
        super().__init__()
        self.up = Up(coarse, fine)
        self.lateral = Pointwise(fine, fine)
        self.block = ResidualBlock(fine)


class AutoPromptGenerator(nn.Module):
    def __init__(self, config: NetConfig):
        super().__init__()
        widths = config.widths[::-1]
        self.bottom = ResidualBlock(widths[0])
        self.steps = nn.ModuleList(Step(a, b) for a, b in zip(widths, widths[1:]))

    def forward(self, embedding: Embedding) -> Tensor:
        x = self.bottom(embedding.levels[3])
        for step, feature in zip(self.steps, reversed(embedding.levels[:3])):
            x = step.block(step.up(x) + step.lateral(feature))
        return x


class StructureRefiner(nn.Module):
    def __init__(self, config: NetConfig):
        super().__init__()

        def block(channels_in: int, channels_out: int) -> DoubleConv:
            return DoubleConv(channels_in, channels_out, groups=channels_out)

        w = config.refiner_widths
        self.first = block(IMAGE_CHANNELS + config.fine_width + config.structures, w[0])
        self.downs = nn.ModuleList(Down(a, b) for a, b in zip(w, w[1:]))
        self.blocks_down = nn.ModuleList(block(b, b) for b in w[1:])
        self.ups = nn.ModuleList(Up(b, a) for a, b in zip(w, w[1:]))
        self.blocks_up = nn.ModuleList(block(2 * a, a) for a in w[:-1])
        self.head = Pointwise(w[0], config.structures, zeros=True)

    def forward(self, embedding: Embedding, first: Tensor, trust: Tensor) -> Tensor:
        first = (first - NOTHING) * trust + NOTHING
        x = self.first(torch.cat([embedding.image, embedding.fine, first.sigmoid()], -1))
        skips = []
        for down, block in zip(self.downs, self.blocks_down):
            skips.append(x)
            x = block(down(x))
        for up, block in zip(reversed(self.ups), reversed(self.blocks_up)):
            x = block(torch.cat([up(x), skips.pop()], -1))
        return first + self.head(x)


class ProsectorNet(nn.Module):
    """The whole network."""

    def __init__(self, config: NetConfig):
        super().__init__()
        self.encoder = ImageEncoder(config)
        self.generator = AutoPromptGenerator(config)
        self.prompt_encoder = PromptEncoder(config)
        self.decoder = MaskDecoder(config)
        self.prior = Pointwise(PROMPT_CHANNELS, 1, zeros=True)
        self.refiner = StructureRefiner(config)
        with torch.no_grad():
            self.prior.linear.weight[:, 0] = torch.tensor(PRIOR_WEIGHTS)

    def encode(self, image: Tensor) -> Embedding:
        """`image` `[b, d, h, w, IMAGE_CHANNELS]`, sides multiples of 16."""
        return self.encoder(image)

    def prompted(self, embedding: Embedding, prompts: Tensor) -> Tensor:
        """Logits of the prompted target, `[b, d, h, w, 1]`; `prompts` `[b, d, h, w, PROMPT_CHANNELS]`."""
        logits = self.decoder(embedding, self.prompt_encoder(prompts))
        return logits[..., :1] + self.prior(prompts)

    def first_answer(self, embedding: Embedding) -> Tensor:
        """Logits of the structures before any refinement, `[b, d, h, w, structures]`."""
        return self.decoder(embedding, self.generator(embedding))[..., 1:] - RARITY

    def refined(self, embedding: Embedding, first: Tensor, trust: Tensor) -> Tensor:
        """Logits of the structures, refined with as much `trust`, `[b, 1, 1, 1, 1]`, in the `first` answer."""
        return self.refiner(embedding, first, trust)
