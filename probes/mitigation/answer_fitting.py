"""Methods that change a model's answers instead of its embeddings: what they see, and their interface.

A threshold per class, a fitted classifier: each is a function from images to one score per class, of which
the largest is the answer. Shapes: N images, C classes of a probe, F features, K outcomes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clipmodel.array_types import Bools, Floats, Integers

UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class Images:
    """What is known of images when they are classified.

    Attributes
    ----------
    scores
        [N, C] zero-shot logits of the model.
    features
        [N, F] embeddings or features.
    groups
        [N] code of the group, `UNKNOWN` if it is not known.
    """

    scores: Floats
    features: Floats
    groups: Integers


@dataclass(frozen=True, kw_only=True)
class AnswerData:
    """The images of one probe that a method is fitted on.

    Attributes
    ----------
    probe
        Its name.
    words
        C tuples: the name of each class, and the words it is shown as.
    images
        N images.
    truth
        [N] the right class, `UNKNOWN` if the probe has no truth; the first of several that are right.
    events
        K outcomes that are to be equally frequent in all groups, such as a misclassification: [K, N, C]
        whether the outcome happens to an image that gets a class.
    meaning
        [C] classes of one number are right for the same images: synonyms.
    levels
        Names of the groups.
    seed
        Of whatever is random.
    """

    probe: str
    words: Sequence[tuple[str, ...]]
    images: Images
    truth: Integers
    events: Bools
    meaning: Integers
    levels: Sequence[str]
    seed: int = 0

    @property
    def has_truth(self) -> bool:
        return bool(len(self.truth)) and bool((self.truth != UNKNOWN).all())


Classifier = Callable[[Images], Floats]
"""M images -> [M, C] scores; the largest is the answer, of equal ones the first."""


class AnswerMethod(ABC):
    """One way to answer otherwise, as a class: `name`, `source`, `about`, `fit`."""

    name: ClassVar[str]
    source: ClassVar[str]
    about: ClassVar[str]
    caution: ClassVar[str] = ""
    """What whoever uses it must know, such as that it needs the group of a person at use."""

    @abstractmethod
    def fit(self, data: AnswerData) -> Classifier:
        """Fit the method to one probe.

        Raises
        ------
        UnsuitableError
            The method does not suit the probe; the message says why.
        """


def one_hot(answers: Integers, classes: int) -> Floats:
    """[M] classes -> [M, C] scores that choose them."""
    return np.asarray(answers[:, None] == np.arange(classes), dtype=np.float64)
