"""The record of an assignment rule: all that the rest of the program knows of it.

A rule says which classes an image is assigned. Each is nested in its threshold: from one threshold to the
next, images only lose the class, or only gain it. So one number tells all, the threshold rank of an image and
class: how many of the rule's thresholds the class reaches, counted from the one that most images reach. The
rank of a set is the greatest of its classes.

Arrays are handed to the rules, NumPy's on a CPU and torch's on an accelerator, so that reports and tables
read a rule's words on a machine without torch.

Shapes: N images, C classes, T thresholds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from probes.rules.few_ranks import FewRanks
from probes.scoring.array_library import Array


class Scores(Protocol):
    """What a model says of a block of images under one class design and template; computed when asked for.

    Attributes
    ----------
    cosines
        [C, N] float32 cosine similarities; classes are sorted by name, so a tie goes to the first of them.
    probabilities
        [C, N] float32: over the classes of the design for a softmax model, of each class alone for a sigmoid
        one.
    predicted
        [N] position of the class of the greatest similarity.
    positions
        [C, 1] 0 ... C-1, to compare with.
    class_thresholds
        [T, C] for a rule whose thresholds are `per_class`: the cosine that each class must reach, ascending
        along T; infinite for a class that no image may be assigned. None for every other rule.
    count_reached
        (values of any shape, ascending thresholds [T]) -> whole numbers of the same shape: how many
        thresholds each value is not below, both rounded to float32: a score of 0.7 reaches the threshold 0.7.
    """

    @property
    def cosines(self) -> Array: ...

    @property
    def probabilities(self) -> Array: ...

    @property
    def predicted(self) -> Array: ...

    @property
    def positions(self) -> Array: ...

    @property
    def class_thresholds(self) -> Array | None: ...

    @property
    def count_reached(self) -> Callable[[Array, NDArray[np.float64]], Array]: ...

    def count_probable(self, thresholds: NDArray[np.float64]) -> Array | FewRanks:
        """[C, N] `count_reached` of the probabilities, of which most are not computed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What the thresholds of a rule can be.

    Attributes
    ----------
    symbol
        The letter that stands for one in the rule's meaning.
    low, high
        Their range.
    example
        One to propose. No rule has a default: an audit says which threshold it means.
    key
        A key of the suite that holds them, beside `rule_thresholds`, which does for every rule; "" for none.
    open
        Whether the ends of the range are excluded.
    whole
        Whether they are whole numbers.
    falling
        Whether a greater threshold assigns the class to more images.
    below_classes
        Whether one that is no less than the number of classes assigns every class.
    per_class
        Whether they are shares of images: the cosine that each class must reach is found on the images first
        (`probes.scoring.calibrated_thresholds`) and handed over as `Scores.class_thresholds`.
    """

    symbol: str
    low: float
    high: float
    example: float
    key: str = ""
    open: bool = False
    whole: bool = False
    falling: bool = False
    below_classes: bool = False
    per_class: bool = False

    def contains(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each value of any shape can be a threshold; NaN cannot."""
        inside = (values >= self.low) & (values <= self.high)
        if self.open:
            inside &= (values > self.low) & (values < self.high)
        return inside & (np.floor(values) == values) if self.whole else inside

    @property
    def range_words(self) -> str:
        """The range in words: "from 0 to 1", "whole numbers from 1"."""
        numbers = "whole numbers " if self.whole else ""
        if np.isinf(self.high):
            return f"{numbers}from {self.low:g}"
        if self.open:
            return f"{numbers}between {self.low:g} and {self.high:g}"
        return f"{numbers}from {self.low:g} to {self.high:g}"

    def ordered(self, values: list[float]) -> NDArray[np.float64]:
        """[T] from the threshold that most images reach to the one that fewest do."""
        ascending = np.sort(np.array(values, dtype=np.float64))
        # A copy, because torch accepts no array of negative strides.
        return ascending[::-1].copy() if self.falling else ascending


@dataclass(frozen=True, kw_only=True)
class AssignmentRule:
    """One rule.

    Attributes
    ----------
    name
        In a suite and in the column `rule` of every table.
    meaning
        Which classes an image is assigned, in one sentence.
    words
        The rule in a table or sentence, with "{threshold}" if it has thresholds.
    ranks
        (scores, thresholds [T] as `Thresholds.ordered` has them) -> [C, N] threshold ranks, whole numbers:
        how many of the thresholds each class reaches; or those that are above 0. A rule without thresholds
        gets one NaN: 1 if assigned, else 0. None for a rule with `assigned`.
    assigned
        For a rule that assigns exactly one class to each image and has no thresholds: scores -> [N] the
        position of that class.
    thresholds
        None for a rule that has none.
    """

    name: str
    meaning: str
    words: str
    ranks: Callable[[Scores, NDArray[np.float64]], Array | FewRanks] | None = None
    assigned: Callable[[Scores], Array] | None = None
    thresholds: Thresholds | None = None

    def __post_init__(self) -> None:
        if (self.ranks is None) == (self.assigned is None):
            raise ValueError(f"the rule {self.name!r} needs `ranks` or `assigned`, and not both")
        if self.assigned is not None and self.thresholds is not None:
            raise ValueError(f"the rule {self.name!r} assigns one class, so it can have no thresholds")

    @property
    def one_class(self) -> bool:
        """Whether an image is assigned exactly one class.

        Then the counts of the classes sum to the images, and so do those of disjoint sets.
        """
        return self.assigned is not None

    @property
    def example(self) -> str:
        """The lines of a suite that use the rule."""
        lines = f"probes:\n  - rules: [{self.name}]\n"
        if self.thresholds is None:
            return lines
        return f"rule_thresholds: {{{self.name}: [{self.thresholds.example:g}]}}\n{lines}"

    def worded(self, threshold: float | None) -> str:
        """The rule in words at a threshold; None or NaN if it has none."""
        return self.words.format(threshold="" if threshold is None else f"{threshold:g}")
