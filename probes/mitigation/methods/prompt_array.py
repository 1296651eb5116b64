"""Prompt arrays: learned tokens in front of every text, trained against an adversary (Berg et al. 2022).

Shapes: N images, B of a batch, C texts, K tokens, W width of the text tower, D embedding, G groups.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.loading.prefixed_texts import encode_with_prefix
from clipmodel.losses import contrastive_loss
from clipmodel.training.optim import build_optimizer, learning_rate
from clipmodel.training.recipe import OptimRecipe
from probes.mitigation.fitting import FitData, Method, UnsuitableError
from probes.mitigation.text_encoder import TextEncoder
from probes.mitigation.transform import Mitigation

__all__ = ["Adversary", "PromptArray", "adversarial_loss"]

MOST_TEXTS = 64
"""Texts of the suite that the adversary sees, and texts of a batch of the contrastive loss."""


class Adversary(nn.Module):
    """Guesses the group of an image from its similarities to C texts: two hidden layers of 32 (recalled)."""

    def __init__(self, texts: int, groups: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(texts, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, groups)
        )

    def forward(self, similarities: Tensor) -> Tensor:
        """[B, C] -> [B, G] logits."""
        logits: Tensor = self.layers(similarities)
        return logits


class PromptArray(Method):
    """K tokens in front of every text: the adversary is to fail, and texts are to keep what they mean.

    loss = contrastive loss - weight x cross-entropy of the adversary (Berg et al. 2022, section 4). The
    adversary sees the similarities of an image to the suite's texts that name no group, and is trained a step
    after each step of the tokens; it learns faster than they do, or they run ahead of it. The contrastive
    loss is of images and captions if the data have captions (`--captions`), and otherwise of each text with
    the tokens and without. Towers are frozen, image embeddings are as stored. The optimiser and its schedule
    are those of this project's training.

    Parameters
    ----------
    tokens
        K; two in the released model.
    steps, batch
        Steps of the tokens, and images a step.
    weight
        Of the adversary.
    rate, adversary_rate
        Peak learning rates.
    """

    name = "prompt_array"
    source = "Berg et al. 2022, arXiv 2203.11933, section 4 (the training code was never released)"
    about = "Learns tokens before every text, so that similarities tell an adversary less of the group."

    def __init__(
        self, *, tokens: int = 2, steps: int = 150, batch: int = 256, weight: float = 1.0,
        rate: float = 0.01, adversary_rate: float = 0.03,
    ) -> None:  # fmt: skip
        self.tokens, self.steps, self.batch, self.weight = tokens, steps, batch, weight
        self.rate, self.adversary_rate = rate, adversary_rate

    def fit(self, data: FitData) -> Mitigation:
        tower = data.encode.tower if isinstance(data.encode, TextEncoder) else None
        if tower is None:
            raise UnsuitableError(
                "needs a text tower that takes learned tokens", remedy="use a model, not a file of embeddings"
            )
        prefix, last = _Training.of(self, data, tower).run()
        return Mitigation(
            method=self.name, attribute=data.attribute, prefix=prefix.double().numpy(),
            parameters={
                "tokens": self.tokens, "steps": self.steps, "weight": self.weight,
                "captions": data.captions is not None, "adversary_cross_entropy": round(last, 4),
            },
        )  # fmt: skip


def adversarial_loss(kept: Tensor, guesses: Tensor, codes: Tensor, *, weight: float) -> Tensor:
    """Contrastive loss less `weight` times the cross-entropy of the adversary's guesses [B, G]."""
    return kept - weight * F.cross_entropy(guesses, codes)


@dataclass(kw_only=True)
class _Training:
    """The tokens and the adversary of one fit."""

    method: PromptArray
    tower: LoadedModel
    images: Tensor
    codes: Tensor
    texts: list[str]
    before: Tensor
    captions: list[str] | None
    prefix: nn.Parameter
    adversary: Adversary
    generator: torch.Generator

    @classmethod
    def of(cls, method: PromptArray, data: FitData, tower: LoadedModel) -> _Training:
        generator = torch.Generator().manual_seed(data.seed)
        neutral = np.flatnonzero([not _names_a_group(text, data) for text in data.texts])
        if len(neutral) < 2:
            raise UnsuitableError(
                "needs two texts that name no group", remedy="ask of something else as well"
            )
        chosen = np.sort(np.random.default_rng([data.seed, 9]).permutation(neutral)[:MOST_TEXTS])
        start = 0.02 * torch.randn(method.tokens, tower.clip.config.text.width, generator=generator)
        # Layers draw their first weights from the global generator, which callers may rely on.
        with torch.random.fork_rng():
            torch.manual_seed(data.seed)
            adversary = Adversary(len(chosen), len(data.levels))
        return cls(
            method=method, tower=tower, images=torch.from_numpy(data.images).float(),
            codes=torch.from_numpy(data.codes).long(), texts=[data.texts[row] for row in chosen],
            before=torch.from_numpy(data.text_vectors[chosen]).float(),
            captions=None if data.captions is None else list(data.captions),
            prefix=nn.Parameter(start), adversary=adversary, generator=generator,
        )  # fmt: skip

    def run(self) -> tuple[Tensor, float]:
        """The tokens [K, W], and the cross-entropy of the adversary at the end."""
        recipe = OptimRecipe(
            peak_learning_rate=self.method.rate, warmup_steps=self.method.steps // 10, weight_decay=0.0
        )
        optimizer = build_optimizer(_holder(self.prefix), recipe)
        judge = torch.optim.AdamW(self.adversary.parameters(), lr=self.method.adversary_rate)
        last = float("nan")
        for step in range(self.method.steps):
            rows = torch.randint(len(self.images), (self.method.batch,), generator=self.generator)
            similarities = self._similarities(rows)
            # The first fifth trains the adversary alone: an adversary that guesses gives no direction.
            if step >= self.method.steps // 5:
                guesses = self.adversary(similarities)
                loss = adversarial_loss(
                    self._kept(rows, similarities), guesses, self.codes[rows], weight=self.method.weight
                )
                self.prefix.grad = torch.autograd.grad(loss, self.prefix)[0]
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step, steps=self.method.steps, recipe=recipe)
                optimizer.step()
            judge.zero_grad()
            cross_entropy = F.cross_entropy(self.adversary(similarities.detach()), self.codes[rows])
            torch.autograd.backward(cross_entropy)
            judge.step()
            last = float(cross_entropy.detach())
        return self.prefix.detach(), last

    def _similarities(self, rows: Tensor) -> Tensor:
        """[B, C] logits, with gradients to the tokens."""
        self.changed = encode_with_prefix(self.tower, self.texts, self.prefix).cpu()
        return self.tower.logit_scale * self.images[rows] @ self.changed.T

    def _kept(self, rows: Tensor, similarities: Tensor) -> Tensor:
        """The contrastive loss."""
        if self.captions is None:
            return contrastive_loss(self.before, self.changed, self.tower.logit_scale)
        chosen = rows[:MOST_TEXTS]
        words = [self.captions[row] for row in chosen.tolist()]
        texts = encode_with_prefix(self.tower, words, self.prefix).cpu()
        # Equal captions of two images are not wrong for each other.
        same = torch.tensor([[one == other for other in words] for one in words])
        own = torch.eye(len(words), dtype=torch.bool)
        return contrastive_loss(self.images[chosen], texts, self.tower.logit_scale, ignore=same & ~own)


def _names_a_group(text: str, data: FitData) -> bool:
    words = set(re.findall(r"\w+", text.lower()))
    return any(word.lower() in words for own in data.words.values() for word in own)


def _holder(prefix: nn.Parameter) -> nn.Module:
    """A module whose one parameter are the tokens: what the optimiser is built for."""
    module = nn.Module()
    module.register_parameter("prefix", prefix)
    return module
