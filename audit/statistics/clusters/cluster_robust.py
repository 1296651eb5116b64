"""The precision of a rate where several images belong together, as photos of one person do.

Images of a cluster answer alike, so n of them tell less than n independent ones. The variance of a rate is
estimated over its clusters, without assuming how alike they are, and with the bias correction for few of them
(CR2: Bell & McCaffrey 2002). It is handed on as an effective number of images, with degrees of freedom of the
group's own clusters: both enter Wilson's, Newcombe's and Clopper and Pearson's intervals in place of n and
the normal quantile (Korn & Graubard 1998), which keeps them inside [0, 1] and off zero width.

Shapes: K clusters, G groups; `...` whatever else, such as thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from clipmodel.array_types import Floats

PRIOR_CLUSTERS = 5.0
"""Clusters that the design effect common to all groups counts for beside a group's own.

A variance over few clusters with an event is small where the rate is estimated too low, so that an interval
made of it alone misses high rates. Of 2, 5 and 20, 5 kept the coverage within .935 and .98 from 10 clusters
on.
"""
LEAST_SHARE = 0.8
"""Share of a group's own design effect in the joined one, at least, for its degrees of freedom.

With few clusters whose images are far more alike than those of other groups, the common part is too small: a
smaller share would let such groups be found at small levels.
"""
FORESEEN_CLUSTERS = 20.0
"""The same as `PRIOR_CLUSTERS`, for the precision that another audit like this one would have.

What a group's own few clusters say by chance does not repeat. With 5, gaps that an audit printed as
detectable because its design effect was too small were found in .48 to .63 of audits.
"""
LEAST_CLUSTERS = 10
"""Clusters a side below which no test is made and no gate decides, where clusters hold several images.

The default: a suite may ask for more, or for fewer, with `min_clusters`.
"""


@dataclass(frozen=True, kw_only=True)
class ClusterMoments:
    """Sums over the clusters k of a group, each [..., G].

    Of x_k events among n_k images, n = sum n_k and w_k = 1 / (1 - n_k / n). If images stand for a population,
    n_k and x_k are sums of their weights, and q_k that of the squared weights; without weights q_k = n_k.

    Attributes
    ----------
    n, count
        Images and events, or their weights.
    clusters, with_event, without_event
        Clusters; those with an event; those with an image without it.
    squares, products, sizes
        Sums of w x^2, w x n and w n^2.
    n2, n3, n4
        Sums of n_k^2, q_k n_k^2 and n_k^4.
    own, own2
        Sums of q_k and q_k^2.
    """

    n: Floats
    count: Floats
    clusters: Floats
    with_event: Floats
    without_event: Floats
    squares: Floats
    products: Floats
    sizes: Floats
    n2: Floats
    n3: Floats
    n4: Floats
    own: Floats
    own2: Floats

    @classmethod
    def of(cls, count: ArrayLike, n: ArrayLike, own: ArrayLike | None = None) -> Self:
        """Moments of counts by cluster, [..., K, G] events and images; either may lack leading axes.

        `own` are the sums of squared weights, if events and images are sums of weights.
        """
        x, size = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
        squared = size if own is None else np.asarray(own, dtype=float)
        weight = leverage_weight(size)
        weighted = weight * size
        shape = np.broadcast_shapes(x.shape, size.shape)
        # Sums of weights may differ by a rounding where all images have the event.
        without = np.count_nonzero(x < size * (1 - 1e-9), axis=-2)
        sums = {
            "n": size.sum(axis=-2),
            "count": x.sum(axis=-2),
            "clusters": np.count_nonzero(size > 0, axis=-2),
            "with_event": np.count_nonzero(np.broadcast_to(x, shape) > 0, axis=-2),
            "without_event": without,
            "squares": (weight * x * x).sum(axis=-2),
            "products": (weighted * x).sum(axis=-2),
            "sizes": (weighted * size).sum(axis=-2),
            "n2": (size**2).sum(axis=-2),
            "n3": (squared * size**2).sum(axis=-2),
            "n4": (size**4).sum(axis=-2),
            "own": squared.sum(axis=-2),
            "own2": (squared**2).sum(axis=-2),
        }
        whole = np.broadcast_shapes(*(value.shape for value in sums.values()))
        return cls(**{name: np.broadcast_to(value, whole).astype(float) for name, value in sums.items()})

    def __sub__(self, part: ClusterMoments) -> ClusterMoments:
        """All other groups, from the sums over all and those of a part.

        Exact up to the weights where each cluster is of one group; where clusters are of several, the
        products within a cluster stay in the rest, which makes its variance too large rather than too small.
        """
        return ClusterMoments(
            **{field.name: getattr(self, field.name) - getattr(part, field.name) for field in fields(self)}
        )

    @classmethod
    def joined(cls, groups: Sequence[ClusterMoments]) -> Self:
        """Moments [..., 1] of single groups beside each other: [..., G]."""
        return cls(
            **{
                field.name: np.concatenate([getattr(one, field.name) for one in groups], axis=-1)
                for field in fields(cls)
            }
        )

    def over_groups(self) -> ClusterMoments:
        """[..., 1] sums over all groups."""
        return self.over(np.ones(self.n.shape[-1], dtype=bool))

    def over(self, groups: NDArray[np.bool_]) -> ClusterMoments:
        """[..., 1] sums over some groups, [G] or [..., G]."""
        return self._each(lambda values: np.where(groups, values, 0.0).sum(axis=-1, keepdims=True))

    def chosen(self, index: NDArray[np.intp]) -> ClusterMoments:
        """Moments of the groups [..., H] at `index`."""
        return self._each(lambda values: np.take_along_axis(values, index, axis=-1))

    def rows(self, index: NDArray[np.intp]) -> ClusterMoments:
        """Moments at some places of the first axis."""
        return self._each(lambda values: values[index])

    def where(self, condition: NDArray[np.bool_], other: ClusterMoments) -> ClusterMoments:
        """These moments, and those of `other` where the condition does not hold."""
        return ClusterMoments(
            **{
                field.name: np.where(condition, getattr(self, field.name), getattr(other, field.name))
                for field in fields(self)
            }
        )

    def _each(self, change: Callable[[Floats], Floats]) -> ClusterMoments:
        return ClusterMoments(**{field.name: change(getattr(self, field.name)) for field in fields(self)})

    @property
    def rate(self) -> Floats:
        """NaN without images."""
        rate: Floats = np.divide(self.count, self.n, out=np.full(self.n.shape, np.nan), where=self.n > 0)
        return rate

    @property
    def independent(self) -> NDArray[np.bool_]:
        """Whether every cluster holds one image, and no image counts for more than another one."""
        return np.asarray((self.n2 == self.n) & (self.own == self.n))

    @property
    def squared_residuals(self) -> Floats:
        """Sum of w (x - rate n)^2: the CR2 variance of the rate times n^2."""
        p = np.nan_to_num(self.rate)
        return np.maximum(self.squares - 2 * p * self.products + p**2 * self.sizes, 0.0)


def leverage_weight(n: Floats) -> Floats:
    """w_k = 1 / (1 - n_k / n) over [..., K, G]; 0 for a cluster without images, or without others beside
    it."""
    total = n.sum(axis=-2, keepdims=True)
    rest = total - n
    factor: Floats = np.divide(total, rest, out=np.zeros(n.shape), where=(n > 0) & (rest > 0))
    return factor


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How much a rate tells, each [..., G].

    Attributes
    ----------
    effective
        Independent images that would tell as much; n where images are independent.
    freedom
        Degrees of freedom of the variance behind it; infinite where images are independent.
    clusters
        Of the group.
    enough
        Whether they suffice for a test: `LEAST_CLUSTERS`, or every cluster holds one image.
    rate
        The rate itself, weighted where images are; None where it is not known here.
    kish
        Kish's effective number of images, (sum of weights)^2 / sum of squared weights; None as above.
    weight
        Sum of the weights; None as above.
    foreseen
        Effective images of another audit like this one, on average: the own design effect counts for less
        against the common one than in `effective`, and may be below it. None if it is `effective`.
    """

    effective: Floats
    freedom: Floats
    clusters: Floats
    enough: NDArray[np.bool_]
    rate: Floats | None = None
    kish: Floats | None = None
    weight: Floats | None = None
    foreseen: Floats | None = None


def independent_precision(n: ArrayLike) -> Precision:
    """Precision of the rates of n images that are each a cluster."""
    size = np.asarray(n, dtype=float)
    return Precision(
        effective=size.copy(),
        freedom=np.full(size.shape, np.inf),
        clusters=size.copy(),
        enough=np.ones(size.shape, bool),
    )


def common_correlation(moments: ClusterMoments) -> Floats:
    """Correlation of the images of a cluster, common to all groups: [..., G] to [..., 1], within [0, 1].

    By moments: the squared residuals of clusters exceed those of independent images by rate (1 - rate) n_k
    (n_k - 1) times the correlation. 1 where nothing can be told: no event, only events, or no cluster of
    several images.
    """
    variance = np.nan_to_num(moments.rate * (1 - moments.rate))
    excess = np.where(moments.clusters > 1, moments.squared_residuals - variance * moments.own, 0.0)
    # Of weighted images that are each a cluster, rounding may leave a little.
    several = np.where(moments.n2 - moments.own > 1e-9 * moments.n2, moments.n2 - moments.own, 0.0)
    scale = np.where(moments.clusters > 1, variance * several, 0.0)
    above, below = excess.sum(axis=-1, keepdims=True), scale.sum(axis=-1, keepdims=True)
    found = np.divide(above, below, out=np.ones(below.shape), where=below > 0)
    scales: Floats = np.clip(found, 0.0, 1.0)
    return scales


def precision_of(
    moments: ClusterMoments, correlation: ArrayLike, *, least: int = LEAST_CLUSTERS
) -> Precision:
    """Effective images and degrees of freedom of each rate.

    The design effect is that of the group's own clusters, joined with the one that the common correlation
    implies for clusters of their sizes: the own one counts for as many clusters as have an event (or lack it,
    if those are fewer), the common one for `PRIOR_CLUSTERS`. It is at least the own one, since the images of
    a group may be more alike than those of others, and at least 1; of weighted images at least that of the
    unequal weights alone (Kish 1965), and the variance is the linearised one of the weighted mean (Binder
    1983), whose leverages are shares of the weight.

    If fewer than `PRIOR_CLUSTERS` clusters have an event (or lack it), they do not tell how alike the images
    of the group are, and those of other groups may be far less alike. The common correlation then gives way
    to the largest one, 1, in equal steps: without any event, the group tells as much as its clusters would
    with one image each.

    The degrees of freedom are Satterthwaite's of that sum. Those of the own part are the effective number of
    its K clusters less one (Carter, Schnepel & Steigerwald 2017), at least 1; the common part, of the
    clusters of all groups, counts as known. So they are divided by the square of the own part's share,
    K / (K + `PRIOR_CLUSTERS`) but at least `LEAST_SHARE`; and by 1 where the own design effect alone counts.

    Parameters
    ----------
    correlation
        Of the images of a cluster, which broadcasts against [..., G].
    least
        Clusters that suffice for a test.
    """
    rho = np.asarray(correlation, dtype=float)
    n = moments.n
    p = np.nan_to_num(moments.rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = moments.squared_residuals / (n * p * (1 - p))
        told = np.minimum(moments.with_event, moments.without_event)
        told = np.where((p > 0) & (p < 1) & (moments.clusters > 1), told, 0.0)
        alike = np.where(told > 0, own, 0.0)
        cautious = rho + (1 - rho) * np.maximum(1 - told / PRIOR_CLUSTERS, 0.0)
        common = (moments.own + cautious * (moments.n2 - moments.own)) / n
        joined, anew = (
            (told * alike + prior * common) / (told + prior) for prior in (PRIOR_CLUSTERS, FORESEEN_CLUSTERS)
        )
        effect = np.maximum(np.maximum(joined, alike), moments.own / n)
        anew = np.maximum(anew, moments.own / n)
        # The effective number of clusters is (sum of v_k)^2 / sum of v_k^2, where v_k = (1 - rho) q_k + rho
        # n_k^2 is the variance of a cluster's sum in units of rate (1 - rate): `spread` and `fourth` are
        # those sums.
        spread = (1 - rho) * moments.own + rho * moments.n2
        fourth = (1 - rho) ** 2 * moments.own2 + 2 * rho * (1 - rho) * moments.n3 + rho**2 * moments.n4
        share = np.maximum(moments.clusters / (moments.clusters + PRIOR_CLUSTERS), LEAST_SHARE)
        share = np.where(alike >= joined, 1.0, share)
        freedom = np.maximum(spread**2 / fourth - 1, 1.0) / share**2
    alone = moments.independent
    return Precision(
        effective=np.where(alone, n, np.divide(n, effect, out=np.zeros(n.shape), where=n > 0)),
        freedom=np.where(alone, np.inf, freedom),
        clusters=moments.clusters,
        enough=alone | (moments.clusters >= least),
        rate=moments.rate,
        kish=np.divide(n**2, moments.own, out=np.zeros(n.shape), where=moments.own > 0),
        weight=n,
        foreseen=np.where(alone, n, np.divide(n, anew, out=np.zeros(n.shape), where=n > 0)),
    )


def foreseen(precision: Precision) -> Precision:
    """The precision of another audit like this one, on average."""
    return replace(
        precision, effective=precision.effective if precision.foreseen is None else precision.foreseen
    )


def side_correlation(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Floats:
    """Correlation of two rates that share clusters, [..., K, G] to [..., G]; 0 where they share none.

    Drawings in five skin tones are in all five groups: what makes a drawing hard moves all of their rates.
    """
    sides = [
        _scaled_residuals(np.asarray(x, dtype=float), np.asarray(n, dtype=float))
        for x, n in ((x1, n1), (x2, n2))
    ]
    first, second = sides
    scale = np.sqrt((first**2).sum(axis=-2) * (second**2).sum(axis=-2))
    product = (first * second).sum(axis=-2)
    cosine: Floats = np.divide(product, scale, out=np.zeros(product.shape), where=scale > 0)
    return cosine


def _scaled_residuals(x: Floats, n: Floats) -> Floats:
    """Square roots of w (x - rate n)^2, signed; [..., K, G]."""
    total, events = n.sum(axis=-2, keepdims=True), x.sum(axis=-2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.nan_to_num(events / total)
    return np.asarray(np.sqrt(leverage_weight(n)) * (x - rate * n))


def shortened(effective: ArrayLike, freedom: ArrayLike, *, confidence: ArrayLike = 0.95) -> Floats:
    """Effective images, fewer where few clusters tell how few they are (Korn & Graubard 1998).

    Divided by (t / z)^2, so that an interval of them with the normal quantile z is one with the quantile t of
    Student's distribution. An infinite or unknown (NaN) `freedom` changes nothing.
    """
    return shortened_at(effective, freedom, (1 - np.asarray(confidence, dtype=float)) / 2)


def shortened_at(effective: ArrayLike, freedom: ArrayLike, tail: ArrayLike) -> Floats:
    """`shortened`, for the quantile that leaves `tail` on either side: exact where a confidence rounds to
    1."""
    each, nu = np.asarray(tail, dtype=float), np.asarray(freedom, dtype=float)
    finite = np.isfinite(nu)
    t = special.stdtrit(np.where(finite, nu, 1.0), each)
    with np.errstate(invalid="ignore", divide="ignore"):
        # At a tail of one half both quantiles are 0.
        factor = np.where(finite & (each < 0.5), (special.ndtri(each) / t) ** 2, 1.0)
    return np.asarray(np.asarray(effective, dtype=float) * factor)
