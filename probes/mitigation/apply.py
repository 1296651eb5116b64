"""A suite, a model and a data set as embeddings; split into halves; asked again with a mitigation.

Everything a method changes is the embeddings, so a suite is embedded once, and each method costs a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.evaluation.features import FeatureModel
from clipmodel.loading import EmbeddingModel
from clipmodel.loading.embedding_model import device_of, takes_any_mode
from clipmodel.progress import Progress
from probes.datasets.demographic_dataset import ID, VISIBLE_PREFIX, DemographicDataset
from probes.datasets.formats.embeddings import EmbeddedDataset, Texts
from probes.embeddings.embed import EmbeddingStore, embed_dataset, embed_texts
from probes.embeddings.precomputed import PrecomputedModel
from probes.measures.ranking import RankingProbe
from probes.measures.registry import KINDS
from probes.mitigation.caption_retrieval import NO_CAPTION, Captions, captions_of
from probes.mitigation.fitting import FitData
from probes.mitigation.leakage import halves
from probes.mitigation.text_encoder import TextEncoder
from probes.mitigation.transform import EncodeTexts, Mitigation
from probes.planning.audit_plan import plan
from probes.planning.cost import estimate
from probes.records import MISSING, Records
from probes.runner import run_suite
from probes.suite.classification_probe import Probe
from probes.suite.probe_base import Exclusion, Filter
from probes.suite.suite import Suite

# Words for groups that data sets name otherwise; any other group is its own word.
WORDS: dict[str, tuple[str, ...]] = {
    "male": ("man", "male"), "female": ("woman", "female"), "man": ("man", "male"),
    "woman": ("woman", "female"), "m": ("man", "male"), "f": ("woman", "female"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A suite and its data set as embeddings of one model.

    Attributes
    ----------
    suite
        Without its confirmation split and without probes that need the images themselves.
    dataset
        The images that could be read, as embeddings, with the texts of the suite.
    model, store
        For further texts.
    left_out
        Names of the probes that need the images themselves.
    features
        [N, F] what linear classifiers are fitted on, if it is not the embeddings.
    captions
        Of the images, if a column with them was named.
    """

    suite: Suite
    dataset: EmbeddedDataset
    model: EmbeddingModel
    store: EmbeddingStore
    left_out: tuple[str, ...]
    features: np.ndarray | None = None
    captions: Captions | None = None

    @cached_property
    def encode(self) -> TextEncoder:
        """Embeds further texts."""
        return TextEncoder(self.model, self.store)

    @cached_property
    def fitted_on(self) -> np.ndarray:
        """[N] bool: the images to fit on, half of the clusters; the others are measured."""
        return halves(self.dataset.clusters.factorize()[0], seed=self.suite.seed)

    @cached_property
    def halves_asked(self) -> dict[tuple[str, bool], Any]:
        """Probe and half -> what `answering` planned of it, kept for the next method."""
        return {}

    def half(self, *, fit: bool) -> EmbeddedDataset:
        """The images to fit on, or those to measure."""
        return part(self.dataset, self.fitted_on == fit)

    def features_of(self, *, fit: bool) -> np.ndarray:
        """[M, F] features of one half; its embeddings if it comes without any."""
        whole = self.dataset.embeddings if self.features is None else self.features
        chosen: np.ndarray = whole[self.fitted_on == fit]
        return chosen

    def fit_data(self, attribute: str, words: dict[str, tuple[str, ...]]) -> FitData:
        """What the methods are fitted on.

        Raises
        ------
        UserError
            The data have no such attribute.
        """
        dataset = self.half(fit=True)
        levels = dataset.levels(attribute)
        codes = np.array([levels.index(v) if v in levels else -1 for v in dataset.values(attribute)])
        known = codes >= 0
        present = [level for place, level in enumerate(levels) if (codes == place).any()]
        renumbered = np.array([present.index(levels[c]) for c in codes[known]], dtype=np.int64)
        return FitData(
            attribute=attribute,
            images=dataset.embeddings[known].astype(np.float64),
            codes=renumbered,
            levels=present,
            words={level: words.get(level, ()) or WORDS.get(level.lower(), (level,)) for level in present},
            texts=list(dataset.texts.rows),
            text_vectors=dataset.texts.vectors.astype(np.float64),
            encode=self.encode,
            seed=self.suite.seed,
            captions=self._captions_of_fitted(known),
        )

    def _captions_of_fitted(self, known: np.ndarray) -> list[str] | None:
        """[M] captions of the images that are fitted on; None if not all of them have one."""
        if self.captions is None:
            return None
        own = self.captions.of(self.fitted_on)
        chosen = own.of_image[known]
        return None if (chosen == NO_CAPTION).any() else [own.texts[row] for row in chosen]

    def ask(self, dataset: EmbeddedDataset) -> Records:
        """Run the suite on embeddings of some of its images."""
        return run_suite(
            known_values(self.suite, dataset), PrecomputedModel(dataset.texts), dataset, store=self.store
        )

    def changed(self, dataset: EmbeddedDataset, mitigation: Mitigation) -> EmbeddedDataset:
        """The data set after a mitigation of its images and texts."""
        return mitigated(dataset, mitigation, self.encode)


def embed_suite(
    suite: Suite,
    model: EmbeddingModel,
    dataset: DemographicDataset,
    *,
    store: EmbeddingStore,
    progress: Progress | None = None,
    before_projection: bool = False,
    captions: str | None = None,
) -> Embedded:
    """Embed everything a suite asks.

    Parameters
    ----------
    before_projection
        Also compute the features before the projection, which linear classifiers are fitted on.
    captions
        A column of captions, which are embedded as well.

    Raises
    ------
    UserError
        The suite and the data do not fit, no image can be read, or no probe is left.
    """
    by_image = [probe.name for probe in suite.probes if not _from_embeddings(probe)]
    kept = [probe for probe in suite.probes if _from_embeddings(probe)]
    if not any(isinstance(probe, Probe | RankingProbe) for probe in kept):
        raise UserError(
            f"the suite {suite.suite!r} has no probe that classifies or ranks",
            remedy="a mitigation is judged by gaps and by the skew of rankings",
        )
    # Half of the clusters is held out already, for measuring: see `Embedded.fitted_on`.
    suite = suite.model_copy(update={"confirmation": None, "probes": kept})
    planned = plan(suite, dataset)
    estimate(planned)  # refuses what no machine can do, before an image is read
    images = embed_dataset(model, dataset, planned.rows, store=store, progress=progress)
    if not len(images.rows):
        raise UserError("no image of the data set can be read", remedy="check the image files")
    vectors = embed_texts(model, planned.texts, store=store)
    texts = Texts(
        rows={text: row for row, text in enumerate(planned.texts)},
        vectors=np.asarray(vectors, np.float32), model=model.name, scale=model.logit_scale,
        bias=model.logit_bias, content=model.fingerprint,
    )  # fmt: skip
    # Without the encoded images, which some data sets keep in a column.
    kept_columns = {ID, *dataset.attributes, dataset.card.cluster}
    columns = [name for name in dataset.frame if name in kept_columns or str(name).startswith(VISIBLE_PREFIX)]
    whole = EmbeddedDataset(
        dataset.frame.iloc[images.rows][columns], attributes=dataset.attributes, card=dataset.card,
        embeddings=images.embeddings, texts=texts, orders=dataset.orders, dropped=dataset.dropped,
    )  # fmt: skip
    features = None
    if before_projection and not isinstance(dataset, EmbeddedDataset):
        tower = cast("EmbeddingModel", FeatureModel(model))
        features = embed_dataset(tower, dataset, images.rows, store=store, progress=progress).embeddings
    found = None
    if captions is not None:
        shown, of_image = captions_of(dataset, captions)
        vectors = np.asarray(embed_texts(model, list(shown), store=store), np.float32)
        of_image = of_image[images.rows]
        found = Captions(texts=shown, vectors=vectors, of_image=of_image).of(np.ones(len(whole), bool))
    return Embedded(
        suite=suite, dataset=whole, model=model, store=store, left_out=tuple(by_image), features=features,
        captions=found,
    )  # fmt: skip


def _from_embeddings(probe: object) -> bool:
    """Whether a probe needs no image besides its embedding."""
    return isinstance(probe, Probe) or not KINDS[probe.kind].sizes(probe)  # type: ignore[attr-defined]


def known_values(suite: Suite, dataset: DemographicDataset) -> Suite:
    """The suite with exclusions of values that some of the images still have.

    A filter such as "not train" names a value that no image of a part has; it then excludes nothing.
    """
    probes = []
    for probe in suite.probes:
        where: dict[str, Filter] = {}
        for attribute, condition in probe.where.items():
            if isinstance(condition, Exclusion):
                present = {*dataset.levels(attribute), MISSING}
                kept = [value for value in condition.not_ if value in present]
                if kept:
                    where[attribute] = condition.model_copy(update={"not_": kept})
            else:
                where[attribute] = condition
        probes.append(probe.model_copy(update={"where": where}))
    return suite.model_copy(update={"probes": probes})


def part(dataset: EmbeddedDataset, wanted: np.ndarray) -> EmbeddedDataset:
    """Some of the images."""
    return _with(dataset, wanted, embeddings=dataset.embeddings[wanted], texts=dataset.texts)


def mitigated(dataset: EmbeddedDataset, mitigation: Mitigation, encode: EncodeTexts) -> EmbeddedDataset:
    """The images and texts of a data set after a mitigation."""
    texts = dataset.texts
    vectors = mitigation.texts(list(texts.rows), texts.vectors, encode)
    content = hashlib.sha256(f"{texts.content}\0{mitigation.fingerprint}".encode()).hexdigest()
    name = texts.model if mitigation.method == "none" else f"{texts.model} with {mitigation.method}"
    return _with(
        dataset, np.ones(len(dataset), bool), embeddings=mitigation.images(dataset.embeddings),
        texts=replace(texts, vectors=vectors, content=content, model=name),
    )  # fmt: skip


def _with(
    dataset: EmbeddedDataset, wanted: np.ndarray, *, embeddings: np.ndarray, texts: Texts
) -> EmbeddedDataset:
    return EmbeddedDataset(
        dataset.frame[wanted], attributes=dataset.attributes, card=dataset.card, embeddings=embeddings,
        texts=texts, orders=dataset.orders, dropped=dataset.dropped,
    )  # fmt: skip


class MitigatedModel:
    """A model behind a mitigation: what `--with` audits. Same protocol as every other model."""

    def __init__(self, model: EmbeddingModel, mitigation: Mitigation) -> None:
        self._model, self.mitigation = model, mitigation
        self.name = f"{model.name} with {mitigation.method}"
        self.logit_scale, self.logit_bias = model.logit_scale, model.logit_bias
        self.preprocess_id = model.preprocess_id
        self.any_mode, self.device = takes_any_mode(model), device_of(model)
        matrix = mitigation.image.matrix
        self.embed_dim = model.embed_dim if matrix is None else len(matrix)

    @cached_property
    def fingerprint(self) -> str:
        """Over the weights and the mitigation."""
        both = f"{self._model.fingerprint}\0{self.mitigation.fingerprint}"
        return hashlib.sha256(both.encode()).hexdigest()

    def preprocess(self, image: Image.Image) -> Tensor:
        return self._model.preprocess(image)

    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, H, W] -> unit-norm [N, R]."""
        return torch.from_numpy(self.mitigation.images(self._model.encode_image(pixels).cpu().numpy()))

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C texts -> unit-norm [C, R]."""
        encode = TextEncoder(self._model)
        return torch.from_numpy(self.mitigation.texts(list(texts), encode(texts), encode))


def with_mitigation(
    model: EmbeddingModel, dataset: DemographicDataset, file: Path
) -> tuple[EmbeddingModel, DemographicDataset]:
    """A model behind the mitigation of a file; for a file of embeddings, those changed.

    Raises
    ------
    UserError
        The file is no mitigation, or is for embeddings of another size.
    """
    mitigation = Mitigation.load(file)
    size = mitigation.size
    if size not in (None, model.embed_dim):
        raise UserError(
            f"{file}: fitted to embeddings of {size} dimensions, {model.name} has {model.embed_dim}",
            remedy="fit it to this model with clip-audit mitigate",
        )
    if not isinstance(dataset, EmbeddedDataset):
        return MitigatedModel(model, mitigation), dataset
    changed = mitigated(dataset, mitigation, TextEncoder(model))
    return PrecomputedModel(changed.texts), changed
