"""What a batch teaches: src/train/learn.rs and losses.rs."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .net import RARITY, Embedding, ProsectorNet
from .prompts import Prompts, draw
from .user import User

# Weight of a target's voxels in the cross-entropy, and of the whole term; Dice has 1.
TARGET = (1.0, 1.0)


def mask_losses(logits: Tensor, truth: Tensor, inside: Tensor, weights: tuple[float, float]) -> Tensor:
    """Of each mask, `[b, channels]`: cross-entropy inside the scan, plus 1 − Dice where the target occurs."""
    target_weight, weight = weights
    total = lambda x: x.sum((1, 2, 3))
    truth = truth * inside
    occurs = total((truth > 0.5).to(truth.dtype)).clamp_max(1)
    likelihood = truth * F.logsigmoid(logits) * target_weight + (inside - truth) * F.logsigmoid(-logits)
    cross_entropy = -total(likelihood) / total(inside).clamp_min(1) * weight
    probability = logits.sigmoid() * inside
    dice = (2 * total(probability * truth) + 1) / (total(probability) + total(truth) + 1)
    return cross_entropy + (1 - dice) * occurs


def paired(indices: list[int]) -> list[int]:
    """A lone sample twice: on a processor PyTorch has no fast convolution for a batch of one in this layout."""
    return indices * 2 if len(indices) == 1 else indices


def chosen(embedding: Embedding, indices: list[int]) -> Embedding:
    return Embedding(embedding.image[indices], embedding.fine[indices], [level[indices] for level in embedding.levels])


class Dialogue:
    """What users and network tell each other of the prompted samples of a batch."""

    def __init__(self, batch: dict[str, Tensor], images: Tensor, user: User):
        device = images.device
        self.images = images
        self.truths = batch["prompted.truth"].float().to(device)
        self.rounds = batch["prompted.rounds"].tolist()
        self.user = user
        self.prompts = [
            Prompts(
                clicks=[click for click in clicks.tolist() if click[3] != 0],
                box=None if box.isnan().any() else box.tolist(),
                previous=previous.float().to(device) if has_previous else None,
            )
            for clicks, box, previous, has_previous in zip(
                batch["prompted.clicks"],
                batch["prompted.box"],
                batch["prompted.previous"],
                batch["prompted.has_previous"],
            )
        ]

    def channels(self, indices: list[int]) -> Tensor:
        """All prompts so far, drawn; in single precision, for half of it is too coarse for the histograms."""
        with torch.autocast(self.images.device.type, enabled=False):
            return torch.stack([draw(self.prompts[n], self.images[n, ..., 0], self.images[n, ..., 2]) for n in indices])

    def correct(self, indices: list[int], logits: Tensor) -> list[float]:
        """The users correct answers; returns these answers' Dice."""
        answers = logits.detach().float().sigmoid()[..., 0]
        return self.user.correct([self.prompts[n] for n in indices], answers, self.truths[indices])


class Learner:
    """Losses of both paths for a network."""

    def __init__(self, net: ProsectorNet, structure_loss: tuple[float, float], seed: int):
        self.net = net
        self.structure_loss = structure_loss
        self.user = User(seed, next(net.parameters()).device)

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, list[float]]]:
        """The mean loss of a batch, and what it showed by name."""
        device = next(self.net.parameters()).device
        # Not half precision: autocast on a processor refuses to join that.
        parts = [batch[name].float() for name in ("prompted.image", "automatic.image") if name in batch]
        counts = [len(batch[name]) if name in batch else 0 for name in ("prompted.image", "automatic.image")]
        images = torch.cat(parts).to(device)
        everything = paired(list(range(len(images))))
        embedding = self.net.encode(images[everything])
        seen: dict[str, list[float]] = {}
        losses = []
        if counts[0]:
            losses.append(self._prompted(batch, images[: counts[0]], embedding, seen))
        if counts[1]:
            indices = list(range(counts[0], sum(counts)))
            losses.append(self._automatic(batch, chosen(embedding, indices), seen))
        return sum(losses) / len(images), seen

    def _prompted(self, batch: dict, images: Tensor, embedding: Embedding, seen: dict) -> Tensor:
        everyone = list(range(len(images)))
        dialogue = Dialogue(batch, images, self.user)
        truth = dialogue.truths[..., None]

        def answered(indices: list[int]) -> Tensor:
            twice = paired(indices)
            answer = self.net.prompted(chosen(embedding, twice), dialogue.channels(twice))
            return answer[: len(indices)]

        first = answered(everyone)
        seen["first answer"] = dialogue.correct(everyone, first)
        with torch.no_grad():
            for done in range(2, max(dialogue.rounds)):
                asking = [n for n in everyone if dialogue.rounds[n] > done]
                if asking:
                    dialogue.correct(asking, answered(asking))
        last = answered(everyone)
        seen["last answer"] = dialogue.correct(everyone, last)
        loss = lambda logits: mask_losses(logits.float(), truth, images[..., 2:], TARGET)[:, 0]
        weights = batch["prompted.weight"].to(images.device)
        return ((loss(first) + loss(last)) / 2 * weights).sum()

    def _automatic(self, batch: dict, embedding: Embedding, seen: dict) -> Tensor:
        device = embedding.image.device
        truth = batch["automatic.truth"].float().to(device)
        trust = batch["automatic.trust"].to(device)
        known = batch["automatic.known"].float().to(device)
        known = known / known.sum(1, keepdim=True).clamp_min(1)
        inside = embedding.image[..., 2:]

        def loss(logits: Tensor, indices: list[int]) -> Tensor:
            masks = mask_losses(logits.float(), truth[indices], inside[indices], self.structure_loss)
            return (masks * known[indices]).sum(1)

        everyone = list(range(len(truth)))
        twice = paired(everyone)
        parts = chosen(embedding, twice)
        first = self.net.decoder(parts, self.net.generator(parts))[: len(everyone), ..., 1:] - RARITY
        losses = loss(first, everyone)
        if refined := [n for n in everyone if not trust[n].isnan()]:
            twice = paired(refined)
            answer = self.net.refined(chosen(embedding, twice), first[twice], trust[twice].view(-1, 1, 1, 1, 1))
            both = (loss(answer[: len(refined)], refined) + losses[refined]) / 2
            losses = losses.index_put((torch.tensor(refined, device=device),), both)
        seen["automatic, refined"] = losses[refined].tolist()
        seen["automatic"] = [value for n, value in enumerate(losses.tolist()) if n not in refined]
        return losses.sum()
