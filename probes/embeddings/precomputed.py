"""A file of embeddings or predictions in place of a model: texts are looked up, nothing is embedded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from clipmodel.errors import UserError
from clipmodel.yaml_models import shortened
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.formats.embeddings import EmbeddedDataset, Texts
from probes.planning.prompts import AS_GIVEN
from probes.rules.rule_registry import PREDICTION
from probes.suite.classification_probe import Probe
from probes.suite.label_sets import LabelClass, LabelSet

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

Prompts = Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]]


class PrecomputedModel:
    """What a file tells of a model, behind the protocol of `clipmodel.loading.EmbeddingModel`."""

    preprocess_id = "not known"

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self.name = texts.model
        self.logit_scale = texts.scale
        self.logit_bias = texts.bias
        self.embed_dim = texts.vectors.shape[1]

    @cached_property
    def fingerprint(self) -> str:
        """Over the texts, their embeddings and the predictions, which stand for the weights."""
        # A separator that texts do not hold: the same letters cut elsewhere have another fingerprint.
        words = "\x1f".join([*self._texts.rows, self._texts.content])
        return hashlib.sha256(words.encode() + self._texts.vectors.tobytes()).hexdigest()

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C texts -> [C, D] as the file has them; a text that is not in the file raises UserError."""
        import torch

        return torch.from_numpy(self.vectors_of(texts))

    def vectors_of(self, texts: Sequence[str]) -> np.ndarray:
        """C texts -> [C, D] as the file has them; a text that is not in the file raises UserError."""
        return self._texts.vectors[[self._row(text) for text in texts]]

    def _row(self, text: str) -> int:
        row = self._texts.rows.get(text, self._texts.unknown)
        if row is None:
            raise UserError(f"{self.name}: no embedding of the text {text!r}", remedy="add it to the file")
        return row

    def preprocess(self, image: Image.Image) -> Tensor:
        """A file of embeddings has no preprocessing: always raises UserError."""
        raise UserError(f"{self.name}: a file cannot embed images", remedy="give a model with --model")

    def encode_image(self, pixels: Tensor) -> Tensor:
        """A file of embeddings embeds nothing: always raises UserError."""
        raise UserError(f"{self.name}: a file cannot embed images", remedy="give a model with --model")


def precomputed_model(dataset: DemographicDataset) -> PrecomputedModel | None:
    """The model that a file of embeddings or predictions stands for; None for images."""
    return PrecomputedModel(dataset.texts) if isinstance(dataset, EmbeddedDataset) else None


def precomputed_prompts(
    probe: Probe, designs: Mapping[str, LabelSet], rendered: Prompts, *, dataset: EmbeddedDataset
) -> Prompts:
    """The texts of the file that stand for the classes of a probe.

    The prompts of a template, where the file has all of them. If it has them for no template, the words or
    the name of each class, under the one template "as given".

    Raises
    ------
    UserError
        The file has no text for a class, holds a prediction that a design has no class for, or the probe
        asks for thresholds of predictions that come without scores.
    """
    known, lenient = dataset.texts.rows, dataset.texts.unknown is not None
    if lenient:
        _check_predictions(probe, designs, dataset)
    incomplete = {
        template
        for (_, template), classes in rendered.items()
        if any(text not in known for prompts in classes.values() for text in prompts)
    }
    if complete := {key: classes for key, classes in rendered.items() if key[1] not in incomplete}:
        return complete
    return {
        (name, AS_GIVEN): {
            item.name: (
                _text_of(item, known, lenient=lenient, where=f"probe {probe.name!r}, design {name!r}"),
            )
            for item in design.classes
        }
        for name, design in designs.items()
    }


def _text_of(item: LabelClass, known: Mapping[str, int], *, lenient: bool, where: str) -> str:
    if text := next((text for text in (item.words, item.name) if text in known), None):
        return text
    if lenient:
        return item.name
    raise UserError(
        f"{where}: the file has neither text nor score for the class {item.name!r}",
        remedy=f"the file knows {shortened(', '.join(map(repr, known)))}; add {item.words!r} or the prompts "
        "to it, call the class as the file does, or drop it",
    )


def _check_predictions(probe: Probe, designs: Mapping[str, LabelSet], dataset: EmbeddedDataset) -> None:
    for name, design in designs.items():
        classes = {text for item in design.classes for text in (item.words, item.name)}
        if unknown := sorted(set(dataset.texts.rows) - classes):
            raise UserError(
                f"probe {probe.name!r}, design {name!r}: the file predicts {unknown[0]!r}, which is no class",
                remedy=f"classes are {', '.join(design.names)}",
            )
    if len(designs) > 1:
        raise UserError(
            f"probe {probe.name!r} has {len(designs)} class designs; predictions without scores answer one",
            remedy="keep one design, or give scores",
        )
    if others := [rule for rule in probe.rules if rule != PREDICTION.name]:
        raise UserError(
            f"probe {probe.name!r}: the rule {others[0]!r} needs scores",
            remedy=f"keep {PREDICTION.name}, or give scores",
        )
