"""What happened to each image under every specification of a probe, in one letter each.

Counts forget which image it was. These patterns remember, without prediction or score: they are what a joint
test of all specifications, and a paired comparison of two runs, need.

Shapes: N images, S specifications (class design and template), O outcomes, T thresholds of a rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probes.records import DID_NOT, HAPPENED

MOST_LETTERS = 200_000_000
"""Images x outcomes x specifications beyond which the patterns are not kept: they would fill the memory."""


class OutcomeLog:
    """The patterns of one probe while its images are scored.

    Parameters
    ----------
    n_images
        N.
    keys
        [S] (design, template) of each specification.
    thresholds
        Rule -> its T thresholds, NaN for argmax, in the order in which `add` is given them.
    outcomes
        [O] names.
    """

    def __init__(
        self,
        n_images: int,
        *,
        keys: Sequence[tuple[str, str]],
        thresholds: Mapping[str, Sequence[float]],
        outcomes: Sequence[str],
    ) -> None:
        self.outcomes, self.thresholds = tuple(outcomes), {r: tuple(t) for r, t in thresholds.items()}
        self.asked = [
            [*key, rule, None if np.isnan(threshold) else float(threshold)]
            for key in keys
            for rule, own in self.thresholds.items()
            for threshold in own
        ]
        self.width = sum(map(len, self.thresholds.values()))
        self.kept = n_images * len(self.outcomes) * len(self.asked) <= MOST_LETTERS
        shape = (len(self.outcomes), n_images, len(self.asked)) if self.kept else (0, 0, 0)
        self.letters = np.full(shape, ord(DID_NOT), dtype=np.uint8)

    def add(self, position: int, start: int, happened: Mapping[str, Any]) -> None:
        """Note a chunk of images under one specification.

        Parameters
        ----------
        position
            Of the specification, 0 ... S-1.
        start
            Of the chunk's first image.
        happened
            Rule -> [O, T, chunk] bool, an array or a tensor on the CPU.
        """
        if not self.kept:
            return
        column = position * self.width
        for rule, thresholds in self.thresholds.items():
            events = np.asarray(happened[rule]).transpose(0, 2, 1)
            part = self.letters[:, start : start + events.shape[1], column : column + len(thresholds)]
            part[events] = ord(HAPPENED)
            column += len(thresholds)

    def tables(self, labels: pd.DataFrame, *, probe: str) -> list[pd.DataFrame]:
        """The rows of `Records.outcomes`, a table an outcome; none where they were not kept.

        Parameters
        ----------
        labels
            N rows: image_id, cluster and the group attributes.
        """
        if not (self.kept and self.asked):
            return []
        named = labels.assign(image=digests(labels["image_id"]), cluster=digests(labels["cluster"]))
        groups = [name for name in labels.columns if name not in ("image_id", "cluster")]
        front = named[["image", "cluster", *groups]]
        return [
            front.assign(probe=probe, outcome=outcome, pattern=_strings(letters))
            for outcome, letters in zip(self.outcomes, self.letters, strict=True)
        ]


def digests(names: Iterable[object]) -> list[str]:
    """Sixteen hexadecimal digits a name: enough to match images without naming a file or person.

    No secret: who has the names can compute the digests.
    """
    return [hashlib.blake2b(str(name).encode(), digest_size=8).hexdigest() for name in names]


def _strings(letters: np.ndarray) -> pd.Series:
    """[N, A] letters -> N strings."""
    width = letters.shape[1]
    joined = np.ascontiguousarray(letters).view(f"S{width}").ravel()
    # Few patterns are distinct, and only those are decoded.
    distinct, place = np.unique(joined, return_inverse=True)
    return pd.Series(distinct.astype(str)[place], dtype="str")
