"""A linear classifier of the probe's own classes in the place of zero-shot classification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from clipmodel.array_types import Floats
from clipmodel.evaluation.linear_probe.search import fit_probe
from clipmodel.evaluation.linear_probe.solver import LinearClassifier
from probes.mitigation.answer_fitting import UNKNOWN, AnswerData, AnswerMethod, Classifier
from probes.mitigation.fitting import UnsuitableError
from probes.suite.label_sets import as_tokenized


class LinearProbe(AnswerMethod):
    """Logistic regression on frozen embeddings, its penalty by the CLIP paper's search."""

    name = "linear_probe"
    source = "Radford et al. 2021, appendix A.3"
    about = "Answers by a linear classifier fitted on the right classes; it knows nothing of the groups."

    def fit(self, data: AnswerData) -> Classifier:
        if not data.has_truth:
            raise UnsuitableError("the probe has no truth to fit a classifier on", remedy="name one")
        present = np.unique(data.truth)
        if len(present) < 2:
            raise UnsuitableError("all images to fit on are of one class", remedy="ask of more images")
        fitted = fit_probe(
            data.images.features, data.truth, classes=len(data.words), seed=data.seed
        ).classifier  # fmt: skip
        return lambda images: scores_of(fitted, images.features)


class ForeignClassifier(AnswerMethod):
    """A linear classifier fitted on another set, for the probes whose classes are all among its own.

    Parameters
    ----------
    classifier
        Of the features that the probes come with.
    classes
        The names of each of its classes.
    where
        What it was fitted on, for messages.
    """

    name = "adapted"
    source = "Radford et al. 2021, section 3.3"
    about = "Answers by a linear classifier that was fitted on another set."

    def __init__(
        self, classifier: LinearClassifier, classes: Sequence[tuple[str, ...]], *, where: str
    ) -> None:
        self.classifier, self.where = classifier, where
        self.names = [names[0] for names in classes]
        # What is written last stays: the first name of a class goes before the synonyms of others, and of
        # two classes of one name the first is meant.
        self.place = {
            as_tokenized(names[position]): c
            for position in reversed(range(max(map(len, classes), default=0)))
            for c, names in reversed(list(enumerate(classes)))
            if position < len(names)
        }

    def columns(self, data: AnswerData) -> list[int]:
        """[C] the fitted class of each class of the probe, `UNKNOWN` where it has none."""
        return [
            next((self.place[word] for own in words if (word := as_tokenized(own)) in self.place), UNKNOWN)
            for words in data.words
        ]

    def fit(self, data: AnswerData) -> Classifier:
        columns = self.columns(data)
        lacking = [words[0] for words, place in zip(data.words, columns, strict=True) if place == UNKNOWN]
        if lacking:
            raise UnsuitableError(
                f"{self.where} has no class {lacking[0]!r}", remedy="fit on a set with the probe's classes"
            )
        return lambda images: scores_of(self.classifier, images.features)[:, columns]


class OwnOrForeign(AnswerMethod):
    """The classifier of another set where it has the classes of a probe, one of the probe's own elsewhere.

    Attributes
    ----------
    fitted_on
        Probe -> what its classifier was fitted on.
    """

    name = "adapted"
    source = ForeignClassifier.source
    about = "Answers by a linear classifier."

    def __init__(self, foreign: ForeignClassifier | None) -> None:
        self.foreign = foreign
        self.fitted_on: dict[str, str] = {}

    def fit(self, data: AnswerData) -> Classifier:
        if self.foreign is not None and UNKNOWN not in self.foreign.columns(data):
            self.fitted_on[data.probe] = self.foreign.where
            return self.foreign.fit(data)
        found = LinearProbe().fit(data)
        self.fitted_on[data.probe] = "half of the suite's images"
        return found


def scores_of(classifier: LinearClassifier, features: Floats) -> Floats:
    """[M, C] logits of features [M, F]."""
    return np.asarray(classifier.scores(torch.from_numpy(np.ascontiguousarray(features))), dtype=np.float64)
