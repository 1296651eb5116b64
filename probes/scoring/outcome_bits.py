"""What happened to each image under every specification of a probe, in one character each.

Counts do not say which image it was. These bit strings do, without prediction or score: they are what a
joint test of all specifications, and a paired comparison of two runs, need.

Shapes: N images, S specifications (class design and template), O outcomes, T thresholds of a rule.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probes.records import DID_NOT, HAPPENED, WEIGHTED

MOST_BITS = 200_000_000
MOST_IMAGES = 2_000_000
"""Images x outcomes x specifications, and images, beyond which no bits are kept: memory would be full."""


WORD_BYTES = 8


class OutcomeBits:
    """The bit strings of one probe while its images are scored.

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
        self.specifications = [
            [*key, rule, None if np.isnan(threshold) else float(threshold)]
            for key in keys
            for rule, own in self.thresholds.items()
            for threshold in own
        ]
        self.width = sum(map(len, self.thresholds.values()))
        n_bits = n_images * len(self.outcomes) * len(self.specifications)
        self.kept = n_images <= MOST_IMAGES and n_bits <= MOST_BITS
        shape = (len(self.outcomes), n_images, len(self.specifications)) if self.kept else (0, 0, 0)
        self.characters = np.full(shape, ord(DID_NOT), dtype=np.uint8)

    def of_images(self, n_images: int) -> OutcomeBits:
        """The same specifications and outcomes for some of the images, of which nothing is noted yet."""
        own = copy.copy(self)
        # Whether bits are kept is a decision about all images, so it is not made again for some.
        own.characters = np.full(
            (len(self.characters), n_images if self.kept else 0, self.characters.shape[2]),
            ord(DID_NOT), dtype=np.uint8,
        )  # fmt: skip
        return own

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
            part = self.characters[:, start : start + events.shape[1], column : column + len(thresholds)]
            part[events] = ord(HAPPENED)
            column += len(thresholds)

    def tables(
        self, labels: pd.DataFrame, *, probe: str, weights: np.ndarray | None = None
    ) -> list[pd.DataFrame]:
        """The rows of `Records.outcomes`, a table per outcome; none where they were not kept.

        Parameters
        ----------
        labels
            N rows: image_id, cluster, the group attributes and the truth.
        weights
            [N] what each image counts for in the population. If they are given, the tables hold them, and
            the truth of each image: recalls of classes cannot be weighted otherwise.
        """
        if not (self.kept and self.specifications):
            return []
        image = digests(labels["image_id"])
        alone = labels["cluster"].equals(labels["image_id"])  # without clusters, hash the names once
        named = labels.assign(image=image, cluster=image if alone else digests(labels["cluster"]))
        groups = [name for name in labels.columns if name not in ("image_id", "cluster", "truth")]
        front = named[["image", "cluster", *groups]]
        if weights is not None:
            front = front.assign(truth=labels["truth"], **{WEIGHTED[0]: weights})
        return [
            front.assign(probe=probe, outcome=outcome, outcome_bits=_strings(characters))
            for outcome, characters in zip(self.outcomes, self.characters, strict=True)
        ]


def digests(names: Iterable[object]) -> list[str]:
    """Sixteen hexadecimal digits a name: enough to match images without naming a file or person.

    No secret: who has the names can compute the digests.
    """
    # Iterating over a series of Arrow strings is slower than over an array of objects.
    plain = names.to_numpy(object) if isinstance(names, pd.Series) else names
    # 8 bytes: among a million images two share a digest with a chance of 3 in 100 million.
    return [hashlib.blake2b(str(name).encode(), digest_size=8).hexdigest() for name in plain]


def _strings(characters: np.ndarray) -> pd.Series:
    """[N, A] characters -> N strings."""
    n, width = characters.shape
    bits = np.packbits(characters == ord(HAPPENED), axis=1)
    padded = np.zeros((n, -(-bits.shape[1] // WORD_BYTES) * WORD_BYTES), np.uint8)
    padded[:, : bits.shape[1]] = bits
    place = np.zeros(n, np.int64)
    for word in padded.view(np.uint64).T:  # numbers are told apart faster than strings
        codes, distinct = pd.factorize(word)
        place = pd.factorize(place * len(distinct) + codes)[0]
    # Few bit strings are distinct, and only those are decoded.
    first = np.zeros(place.max(initial=-1) + 1, np.int64)
    first[place[::-1]] = np.arange(n)[::-1]
    decoded = np.ascontiguousarray(characters[first]).view(f"S{width}").ravel().astype(str)
    return pd.Series(decoded[place], dtype="str")
