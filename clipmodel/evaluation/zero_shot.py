"""The zero-shot head: class names in prompt templates, ensembled in embedding space.

Shapes: N images, C classes, D joint embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from clipmodel.zoo import EmbeddingModel


def class_embeddings(model: EmbeddingModel, prompts: Sequence[Sequence[str]]) -> Tensor:
    """One embedding a class: the renormalised mean of its prompts' unit-norm embeddings, [C, D].

    The ensembling of Radford et al. 2021, section 3.1.4.

    Parameters
    ----------
    model
        Anything with `encode_text`.
    prompts
        For each of the C classes its prompts, at least one.

    Raises
    ------
    ValueError
        There is no class, or a class has no prompt.
    """
    if not prompts or not all(prompts):
        raise ValueError("every class needs at least one prompt")
    embeddings = model.encode_text([text for texts in prompts for text in texts])
    groups = embeddings.split([len(texts) for texts in prompts])
    return F.normalize(torch.stack([group.mean(dim=0) for group in groups]), dim=-1)


def class_probabilities(model: EmbeddingModel, images: Tensor, classes: Tensor) -> Tensor:
    """Zero-shot probabilities [N, C] of unit-norm images [N, D] and class embeddings [C, D].

    A softmax over the classes; with a logit bias (a model trained with the sigmoid loss) each class on
    its own.
    """
    logits = model.logit_scale * images @ classes.T
    return logits.softmax(dim=-1) if model.logit_bias is None else (logits + model.logit_bias).sigmoid()
