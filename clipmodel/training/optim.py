"""The optimiser and schedule of the paper's recipe (Radford et al. 2021, section 2.5 and table 18)."""

from __future__ import annotations

import math

from torch import nn
from torch.optim import AdamW

from clipmodel.training.recipe import OptimRecipe


def build_optimizer(model: nn.Module, recipe: OptimRecipe) -> AdamW:
    """AdamW whose decay spares gains, biases and the temperature: every parameter below two dimensions.

    As the paper says: "decoupled weight decay regularization applied to all weights that are not gains or
    biases" (Radford et al. 2021, section 2.5). Positional embeddings are matrices and decay here; the class
    embedding is a vector and does not. open_clip's training exempts both by name, so its runs with the same
    rate of decay leave the positions alone.
    """
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
    spared = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return AdamW(
        # None, not False: torch then chooses between its loops itself.
        groups,
        lr=recipe.peak_learning_rate,
        betas=recipe.betas,
        eps=recipe.eps,
        fused=recipe.fused or None,
    )


def learning_rate(step: int, *, steps: int, recipe: OptimRecipe) -> float:
    """Linear warm-up from near zero, then half a cosine down to zero at the last step.

    `step` counts from 0.
    """
    if step < recipe.warmup_steps:
        # From 1, since a rate of 0 would waste the first step.
        return recipe.peak_learning_rate * (step + 1) / recipe.warmup_steps
    # At most one step is warm-up in a run of one step, hence the guard against 0.
    progress = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
    return recipe.peak_learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
