"""A suite asked again with other answers: a method is fitted to each probe on one half and answers the other.

The scores of a method stand in the place of similarities, as those of a file of predictions do: an image is
the vector of its scores, and a class is an axis. Shapes: N images, C classes, G cells, K outcomes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clipmodel.array_types import Bools, Floats, Integers
from probes.datasets.formats.embeddings import EmbeddedDataset, Texts
from probes.embeddings.precomputed import PrecomputedModel
from probes.mitigation.answer_fitting import UNKNOWN, AnswerData, AnswerMethod, Images
from probes.mitigation.apply import Embedded, known_values
from probes.mitigation.fitting import UnsuitableError
from probes.planning.audit_plan import ProbePlan, plan
from probes.records import Records
from probes.rules.rule_registry import PREDICTION
from probes.runner import run_suite
from probes.scoring.engine import PromptConfiguration
from probes.scoring.prompt_configurations import configure
from probes.suite.classification_probe import MISCLASSIFIED, Probe
from probes.suite.suite import Suite


@dataclass(frozen=True, kw_only=True)
class AnsweredSuite:
    """What a method did with the probes of a suite.

    Attributes
    ----------
    records
        Of each probe that it suits: the measured half, in the first specification.
    not_applied
        Probe -> why the method does not suit it.
    """

    records: tuple[Records, ...]
    not_applied: Mapping[str, str]


def answer(
    embedded: Embedded, method: AnswerMethod, attribute: str | None = None, *, seed: int | None = None
) -> AnsweredSuite:
    """Fit a method to every probe that classifies, and ask the probe of the images that fitted nothing.

    Parameters
    ----------
    attribute
        Whose groups the method is to treat alike; None for one that looks at no groups.
    seed
        Of whatever is random in the method; the suite's if left out.

    Raises
    ------
    UnsuitableError
        It suits no probe of the suite.
    """
    if not embedded.suite.classification:
        raise UnsuitableError("the suite has no probe that classifies", remedy="name another method")
    records, not_applied = [], {}
    for probe in embedded.suite.classification:
        suite = _alone(embedded.suite, probe)
        try:
            records.append(_answered(embedded, suite, method, attribute, seed=seed))
        except UnsuitableError as error:
            not_applied[probe.name] = error.message
    if not records:
        reasons = "; ".join(f"{name}: {why}" for name, why in not_applied.items())
        raise UnsuitableError(reasons, remedy="name another method")
    return AnsweredSuite(records=tuple(records), not_applied=not_applied)


def _alone(suite: Suite, probe: Probe) -> Suite:
    """The suite with one probe in its first class design, answered by the largest score."""
    first = next(iter(probe.designs))
    reduced = probe.model_copy(
        update={"designs": {first: probe.designs[first]}, "auto": [], "rules": [PREDICTION.name]}
    )
    return suite.model_copy(update={"probes": [reduced]})


def _answered(
    embedded: Embedded, suite: Suite, method: AnswerMethod, attribute: str | None, *, seed: int | None
) -> Records:
    fitted_on, measured = (_half(embedded, suite, fit=fit) for fit in (True, False))
    levels = [] if attribute is None else fitted_on.dataset.levels(attribute)
    seed = suite.seed if seed is None else seed
    classify = method.fit(fitted_on.answer_data(levels, attribute, seed=seed))
    scores = np.zeros((len(measured.dataset), len(measured.classes)))
    rows = measured.planned.selection.rows
    scores[rows] = classify(measured.images(levels, attribute))
    digest = hashlib.sha256(f"{method.name}\0{measured.dataset.texts.content}".encode() + scores.tobytes())
    texts = Texts(
        rows={text: place for place, own in enumerate(measured.prompts) for text in own},
        vectors=np.eye(len(measured.classes), dtype=np.float32), scale=1.0, content=digest.hexdigest(),
        model=f"{measured.dataset.texts.model} with {method.name}",
    )  # fmt: skip
    answered = _with_scores(measured.dataset, scores.astype(np.float32), texts)
    return run_suite(known_values(suite, answered), PrecomputedModel(texts), answered, store=embedded.store)


def _half(embedded: Embedded, suite: Suite, *, fit: bool) -> _Half:
    """The one probe of a suite on one half; planned once for all methods."""
    key = suite.classification[0].name, fit
    if key not in embedded.halves_asked:
        embedded.halves_asked[key] = _Half.of(embedded, suite, fit=fit)
    found: _Half = embedded.halves_asked[key]
    return found


def _with_scores(dataset: EmbeddedDataset, scores: np.ndarray, texts: Texts) -> EmbeddedDataset:
    return EmbeddedDataset(
        dataset.frame, attributes=dataset.attributes, card=dataset.card, embeddings=scores, texts=texts,
        orders=dataset.orders, dropped=dataset.dropped,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Half:
    """One probe on one half of the images."""

    dataset: EmbeddedDataset
    features: Floats
    planned: ProbePlan
    specification: PromptConfiguration
    vectors: np.ndarray

    @classmethod
    def of(cls, embedded: Embedded, suite: Suite, *, fit: bool) -> _Half:
        dataset = embedded.half(fit=fit)
        planned = plan(known_values(suite, dataset), dataset).probes[0]
        known = {text: dataset.texts.vectors[row] for text, row in dataset.texts.rows.items()}
        specifications, vectors = configure(planned, known, cells=planned.selection.cells)
        return cls(
            dataset=dataset, features=embedded.features_of(fit=fit), planned=planned,
            specification=specifications[0], vectors=vectors,
        )  # fmt: skip

    @property
    def classes(self) -> tuple[str, ...]:
        return self.specification.classes

    @property
    def prompts(self) -> list[tuple[str, ...]]:
        """The prompts of each class in the first template."""
        shown = self.planned.prompts[next(iter(self.planned.prompts))]
        return [shown[name] for name in self.classes]

    def images(self, levels: list[str], attribute: str | None) -> Images:
        """The images that the probe asks about."""
        rows = self.planned.selection.rows
        texts, columns = self.dataset.texts, self.specification.columns
        similarities = self.dataset.embeddings[rows].astype(np.float64) @ self.vectors[columns].T
        code = {level: place for place, level in enumerate(levels)}
        values = [None] * len(rows) if attribute is None else self.dataset.values(attribute).iloc[rows]
        return Images(
            scores=similarities * texts.scale + (texts.bias or 0.0),
            features=self.features[rows].astype(np.float64),
            groups=np.array([code.get(str(value), UNKNOWN) for value in values], dtype=np.int64),
        )

    def answer_data(self, levels: list[str], attribute: str | None, *, seed: int) -> AnswerData:
        """What a method is fitted on."""
        items = {item.name: item for item in next(iter(self.planned.designs.values())).classes}
        return AnswerData(
            probe=self.planned.probe.name,
            words=[(name, items[name].words) for name in self.classes],
            images=self.images(levels, attribute),
            truth=self._truth(),
            events=self._events(),
            meaning=self._meaning(),
            levels=levels,
            seed=seed,
        )

    def _right(self) -> Bools | None:
        """[N, C] whether a class is right for an image."""
        right = self.specification.right
        return None if right is None else right[self.planned.selection.cell]

    def _meaning(self) -> Integers:
        right = self.specification.right
        if right is None:
            return np.arange(len(self.classes), dtype=np.int64)
        return np.asarray(np.unique(right.T, axis=0, return_inverse=True)[1].ravel(), dtype=np.int64)

    def _truth(self) -> Integers:
        right = self._right()
        if right is None:
            return np.full(len(self.planned.selection.rows), UNKNOWN, dtype=np.int64)
        return np.where(right.any(axis=1), right.argmax(axis=1), UNKNOWN).astype(np.int64)

    def _events(self) -> Bools:
        """[K, N, C] the outcomes of the probe as functions of the class that an image gets."""
        n, names = len(self.planned.selection.rows), list(self.classes)
        found, right = [], self._right()
        for name, outcome in self.planned.probe.outcomes.items():
            if name == MISCLASSIFIED:
                assert right is not None
                found.append(~right)
                continue
            event = name if len(outcome.sets) > 1 else outcome.sets[0]
            members = set(self.specification.sets.get(event, ()))
            found.append(np.broadcast_to([own in members for own in names], (n, len(names))))
        return np.stack(found)
