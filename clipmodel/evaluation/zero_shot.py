"""The zero-shot head: class names in prompt templates, ensembled in embedding space.

Shapes: N images, C classes, D joint embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from clipmodel.loading.embedding_model import EmbeddingModel
from clipmodel.yaml_models import StrictModel, read_yaml_model

TEMPLATES_FILE = Path(__file__).parent / "data" / "imagenet_templates.yaml"


class _TemplateFile(StrictModel):
    title: str
    source: str
    templates: dict[str, list[str]]


@cache
def imagenet_templates() -> dict[str, list[str]]:
    """OpenAI's templates for ImageNet: "photo" (the single one), "seven", "eighty"; {} is the class name."""
    return read_yaml_model(TEMPLATES_FILE, _TemplateFile, what="template file").templates


def fill_templates(names: Sequence[str], templates: Sequence[str]) -> list[list[str]]:
    """For each of the C class names its prompts, one a template.

    Raises
    ------
    ValueError
        A template has not exactly one place for the name, written {}.
    """
    if wrong := [template for template in templates if template.count("{}") != 1]:
        raise ValueError(f"the template {wrong[0]!r} needs {{}} once, where the class name goes")
    # replace, not format: a class name may hold braces.
    return [[template.replace("{}", name) for template in templates] for name in names]


class TextCache:
    """Text embeddings of one model: each text is embedded once, however many label sets it is in.

    Parameters
    ----------
    model
        Anything with `encode_text`.
    """

    def __init__(self, model: EmbeddingModel) -> None:
        self._model = model
        self._rows: dict[str, Tensor] = {}

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Unit-norm embeddings [C, D] of C texts."""
        # dict.fromkeys: each text once, in order.
        if new := [text for text in dict.fromkeys(texts) if text not in self._rows]:
            self._rows.update(zip(new, self._model.encode_text(new), strict=True))
        return torch.stack([self._rows[text] for text in texts])


def class_embeddings(
    model: EmbeddingModel, prompts: Sequence[Sequence[str]], *, cache: TextCache | None = None
) -> Tensor:
    """One embedding per class: the renormalised mean of its prompts' unit-norm embeddings, [C, D].

    The ensembling of Radford et al. 2021, section 3.1.4.

    Parameters
    ----------
    model
        Anything with `encode_text`.
    prompts
        For each of the C classes its prompts, at least one.
    cache
        Text embeddings of the same model, kept between calls.

    Raises
    ------
    ValueError
        There is no class, or a class has no prompt.
    """
    if not prompts or not all(prompts):
        raise ValueError("every class needs at least one prompt")
    embed = cache or model.encode_text
    embeddings = embed([text for texts in prompts for text in texts])
    groups = torch.split(embeddings, [len(texts) for texts in prompts])
    # Mean, then renormalise: an average of directions, not of lengths.
    return F.normalize(torch.stack([group.mean(dim=0) for group in groups]), dim=-1)


def class_probabilities(model: EmbeddingModel, images: Tensor, classes: Tensor) -> Tensor:
    """Zero-shot probabilities [N, C] of unit-norm images [N, D] and class embeddings [C, D].

    A softmax over the classes; with a logit bias (a model trained with the sigmoid loss) each class on
    its own.
    """
    logits = model.logit_scale * images @ classes.T
    return logits.softmax(dim=-1) if model.logit_bias is None else (logits + model.logit_bias).sigmoid()
