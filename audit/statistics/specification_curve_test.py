"""The same images under many specifications: joint counts, and what they allow that single rates do not.

S specifications of one probe, K patterns (which of the specifications the event happened in), G groups, N
images.
Rates of one specification say nothing of how its errors go with those of another, though both are of the
same images. The patterns do: they give the covariance of the gaps, and a permutation of whole images' labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clustered_permutation import permuted_sums
from audit.statistics.design_effects import sums_by_cluster
from audit.tables.group_counts import JOINT
from probes.records import HAPPENED, KEYS, MISSING, NOT_ASKED

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
DRAWS = 999


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images behind joint counts, where several of them make one cluster.

    Attributes
    ----------
    group, pattern, cluster
        [N] codes; those of groups and patterns are positions in the joint counts.
    """

    group: Integers
    pattern: Integers
    cluster: Integers

    def among(self, sides: Integers) -> Images:
        """The images of some of the groups, given by their codes."""
        kept = np.isin(self.group, sides)
        return Images(group=self.group[kept], pattern=self.pattern[kept], cluster=self.cluster[kept])


@dataclass(frozen=True, kw_only=True)
class JointCounts:
    """How often each pattern of events happened in each group.

    Attributes
    ----------
    specifications
        S rows, columns `KEYS`: those in which the outcome was counted.
    bits
        [K, S] 1 where the event happened.
    counts
        [G, K] images of the group with the pattern.
    names
        G group names, the values joined.
    images
        Where some cluster holds several images; None otherwise.
    """

    specifications: pd.DataFrame
    bits: Integers
    counts: Integers
    names: list[str]
    images: Images | None = None

    def sides(self, group: str, reference: str) -> tuple[Integers, Integers]:
        """[K] counts of a group and of its reference; of all other groups where no group has that name."""
        own = self.counts[self.names.index(group)]
        if reference in self.names:
            return own, self.counts[self.names.index(reference)]
        return own, self.counts.sum(axis=0) - own

    def curve_p(self, group: str, reference: str, *, rng: np.random.Generator) -> float:
        """p of the specification curve of a group against its reference; see `curve_p`."""
        images, code = self._images_of(group, reference), self.names.index(group)
        return curve_p(self.bits, *self.sides(group, reference), rng=rng, images=images, group_code=code)

    def covariance(self, group: str, reference: str) -> Floats:
        """Covariance [S, S] of the differences of a group from its reference over the sampling of images."""
        images = self._images_of(group, reference)
        if images is None:
            return difference_covariance(self.bits, *self.sides(group, reference))
        return cluster_covariance(self.bits, images, group_code=self.names.index(group))

    def _images_of(self, group: str, reference: str) -> Images | None:
        if self.images is None or reference not in self.names:
            return self.images
        return self.images.among(np.array([self.names.index(group), self.names.index(reference)]))


def asked_order(probe: Mapping[str, Any]) -> pd.DataFrame:
    """The specifications of a probe, columns `KEYS`, in the order of the patterns of `Records.outcomes`."""
    rows = [(probe["name"], *asked) for asked in probe["asked"]]
    return pd.DataFrame(rows, columns=list(KEYS)).astype({"threshold": "float64"})


def joint_counts(outcomes: pd.DataFrame, asked: pd.DataFrame, *, by: Sequence[str]) -> JointCounts:
    """Count the patterns of one outcome by group.

    Parameters
    ----------
    outcomes
        Rows of `Records.outcomes` of one probe and outcome.
    asked
        As `asked_order` gives it.
    by
        Attributes that are crossed; images that miss one of them are in no group.
    """
    known = outcomes[(outcomes[list(by)] != MISSING).all(axis=1)]
    values = known[list(by)].astype("str")
    name = values.iloc[:, 0]
    if len(by) > 1:
        name = name.str.cat(values.iloc[:, 1:], sep=JOINT)
    group, names = pd.factorize(name.to_numpy(), sort=True)
    pattern, patterns = pd.factorize(known["pattern"].to_numpy(), sort=True)
    shape = (len(names), len(patterns))
    counts = np.bincount(group * shape[1] + pattern, minlength=shape[0] * shape[1]).reshape(shape)
    letters = np.array([list(text) for text in patterns], dtype="U1").reshape(-1, len(asked))
    counted = ~(letters == NOT_ASKED).all(axis=0)
    cluster, clusters = pd.factorize(known["cluster"].to_numpy())
    several = len(clusters) < len(known)
    return JointCounts(
        specifications=asked.loc[counted, list(KEYS)].reset_index(drop=True),
        bits=(letters[:, counted] == HAPPENED).astype(np.int64),
        counts=counts.astype(np.int64),
        names=[str(name) for name in names],
        images=Images(group=group, pattern=pattern, cluster=cluster) if several else None,
    )


def difference_covariance(bits: Integers, group: Integers, reference: Integers) -> Floats:
    """Covariance [S, S] of the differences of rates over the sampling of images, from both sides' patterns.

    Unbiased (divided by n - 1); NaN where a side has fewer than two images.
    """
    return _rate_covariance(bits, group) + _rate_covariance(bits, reference)


def cluster_covariance(bits: Integers, images: Images, *, group_code: int) -> Floats:
    """`difference_covariance` where clusters are sampled, and not images: from the sums of their influences.

    NaN where a side has fewer than two images, or all are of one cluster.
    """
    happened = bits[images.pattern].astype(float)
    influence = np.zeros_like(happened)
    for own, sign in ((images.group == group_code, 1), (images.group != group_code, -1)):
        n = np.count_nonzero(own)
        if n < 2:
            return np.full((bits.shape[1],) * 2, np.nan)
        influence[own] = sign * (happened[own] - happened[own].mean(axis=0)) / n
    present, cluster = np.unique(images.cluster, return_inverse=True)
    if len(present) < 2:
        return np.full((bits.shape[1],) * 2, np.nan)
    sums = sums_by_cluster(influence, cluster)
    return np.asarray(sums.T @ sums * len(present) / (len(present) - 1))


def _rate_covariance(bits: Integers, counts: Integers) -> Floats:
    n = int(counts.sum())
    if n < 2:
        return np.full((bits.shape[1],) * 2, np.nan)
    rates = counts @ bits / n
    together = (bits * counts[:, None]).T @ bits / n
    return np.asarray((together - np.outer(rates, rates)) / (n - 1))


def curve_p(
    bits: Integers, group: Integers, reference: Integers, *, rng: np.random.Generator, draws: int = DRAWS,
    images: Images | None = None, group_code: int = 0,
) -> float:  # fmt: skip
    """p of a whole specification curve: are the labels of the two sides exchangeable under every one of them?

    The statistic is the mean over the specifications of the studentised difference, in absolute value
    (Simonsohn, Simmons & Nelson 2020 average z-values likewise). Its law comes from permuting the labels of
    whole images, so the dependence of the specifications is in it; a permutation of labels draws the patterns
    of the group without replacement. Where several images make a cluster, only such labels are permuted as
    may change places (`audit.statistics.clustered_permutation`).

    Parameters
    ----------
    bits, group, reference
        As in `JointCounts`, counts [K] of both sides.
    draws
        Permutations; the smallest p is 1 / (draws + 1).
    images, group_code
        The images of both sides, and which of them are of the group; None where each is a cluster of its own.

    Returns
    -------
    NaN where a side is empty; 1 where the event happens always or never.
    """
    n_group, n_reference = int(group.sum()), int(reference.sum())
    if not (n_group and n_reference):
        return float("nan")
    pooled = group + reference
    total = n_group + n_reference
    rate = pooled @ bits / total
    # Given the pooled counts, this error is the same in every permutation.
    error = np.sqrt(rate * (1 - rate) * (1 / n_group + 1 / n_reference))
    varying = error > 0
    if not varying.any():
        return 1.0
    # The sum of z is linear in the group's counts, up to constants: so one number an image is enough.
    weights = bits[:, varying] @ (1 / error[varying])
    mean = pooled @ weights / total
    observed = abs(group @ weights - n_group * mean)
    if images is None:
        occurring = pooled > 0
        drawn = rng.multivariate_hypergeometric(pooled[occurring], n_group, size=draws)
        reached = np.abs(drawn @ weights[occurring] - n_group * mean)
    else:
        sums, sizes = permuted_sums(
            weights[images.pattern] - mean, images.group == group_code, images.cluster, rng=rng, draws=draws
        )
        # Groups of clusters differ in size: the difference of the two means, in units of the observed sizes.
        reached = np.abs(sums) * n_group * n_reference / (sizes * (total - sizes))
    return float((1 + np.count_nonzero(reached >= observed * (1 - 1e-9))) / (draws + 1))
