"""The scalars of one probe, and a family of estimands that are estimated and corrected together.

N images or sets, W items, R rows of a family.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clipmodel.array_types import Floats, Integers
from clipmodel.plurals import number_of
from probes.records import ALL, MISSING, WEIGHTED

Bools = NDArray[np.bool_]

FIRST, SECOND = "first", "second"
TOO_FEW: Final = "fewer than {}"
WHOLE_CLUSTERS: Final = "p permutes whole clusters"
ESTIMATES: Final = ("n", "clusters", "value", "low", "high", "p", "p_adjusted", "note")


@dataclass(frozen=True, kw_only=True)
class Item:
    """The scalars of one item under one template.

    Attributes
    ----------
    values
        [N].
    weights
        [N] what each value is a mean of: 1, or the pairs of a set.
    side
        [N] "first", "second" or "".
    image, cluster
        [N] codes, those of the probe.
    labels
        N rows, one column per group attribute.
    survey
        [N] what each image or set counts for in the population; None without one.
    """

    values: Floats
    weights: Integers
    side: NDArray[np.str_]
    image: Integers
    cluster: Integers
    labels: pd.DataFrame
    survey: Floats | None = None

    def survey_of(self, own: Bools) -> Floats | None:
        """Survey weights of some images; None without a population."""
        return None if self.survey is None else self.survey[own]

    def inside(self, group: Mapping[str, str]) -> Bools:
        """[N] whether an image has the values of a group, by attribute; of every image if there are none."""
        own = np.ones(len(self.values), dtype=bool)
        for name, value in group.items():
            own &= (self.labels[name] == value).to_numpy()
        return own

    def known(self, by: Sequence[str]) -> Bools:
        """[N] whether an image misses none of some attributes."""
        own = np.ones(len(self.values), dtype=bool)
        for name in by:
            own &= (self.labels[name] != MISSING).to_numpy()
        return own


@dataclass(frozen=True)
class ProbeScalars:
    """The rows of `Records.scalars` of one probe.

    Attributes
    ----------
    frame, attributes
        The rows, and the columns of group attributes.
    shared
        What several families compute alike, by all that it depends on.
    """

    frame: pd.DataFrame
    attributes: Sequence[str]
    shared: dict[Hashable, Any] = field(default_factory=dict, init=False)
    _made: dict[tuple[str, str, float | None], Item] = field(default_factory=dict, init=False)

    def item(self, template: str, item: str, k: float) -> Item:
        """The scalars of an item; those without k if they do not depend on it.

        Of an item that no image has, such as a flip rate where no two images are a pair, there are none.
        """
        for place in (k, float("nan")):
            key = (template, item, None if np.isnan(place) else place)
            if key in self._made:
                return self._made[key]
            if key in self._rows:
                self._made[key] = self._of_rows(self._rows[key])
                return self._made[key]
        return self._of_rows(np.zeros(0, dtype=np.intp))

    def items_of(self, template: str) -> list[str]:
        """The items of a template, in their order."""
        return [item for of_template, item, _ in self._rows if of_template == template]

    @cached_property
    def clustered(self) -> bool:
        """Whether some cluster of the probe holds several images."""
        pairs = np.unique(np.stack([self._image, self._cluster]), axis=1)
        repeated: bool = len(np.unique(pairs[1])) < pairs.shape[1]
        return repeated

    @cached_property
    def _rows(self) -> dict[tuple[str, str, float | None], NDArray[np.intp]]:
        keys = self.frame[["template", "item"]].astype("str").assign(k=self.frame["k"].fillna(-1.0))
        by_place = keys.groupby(["template", "item", "k"], sort=False).indices
        # The stubs know no more of a key than that it is hashable.
        groups = cast("dict[tuple[str, str, float], NDArray[np.intp]]", by_place)
        return {(t, i, None if k == -1.0 else k): np.asarray(rows) for (t, i, k), rows in groups.items()}

    @cached_property
    def _image(self) -> Integers:
        return pd.factorize(self.frame["image"])[0].astype(np.int64)

    @cached_property
    def _cluster(self) -> Integers:
        return pd.factorize(self.frame["cluster"])[0].astype(np.int64)

    def _of_rows(self, rows: NDArray[np.intp]) -> Item:
        own = self.frame.iloc[rows]
        return Item(
            values=own["value"].to_numpy(dtype=float), weights=own["n"].to_numpy(dtype=np.int64),
            side=own["side"].astype("str").to_numpy(dtype=str), image=self._image[rows],
            cluster=self._cluster[rows], labels=own[list(self.attributes)].reset_index(drop=True),
            survey=own[WEIGHTED[0]].to_numpy(dtype=float) if WEIGHTED[0] in own else None,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Family:
    """Estimands of one statistic of one probe that belong together.

    Attributes
    ----------
    rows
        R rows of `Records.estimands`: one metric, template and grouping.
    by
        The attributes that the rows name groups of; empty if they are of all images.
    scalars, probe, seed
        Of the probe: its scalars, its entry in the manifest, and the seed of the run.
    least
        Images that a group needs for an estimate.
    """

    rows: pd.DataFrame
    by: tuple[str, ...]
    scalars: ProbeScalars
    probe: Mapping[str, Any]
    least: int
    seed: int

    @property
    def settings(self) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self.probe.get("settings", {})
        return settings

    def items(self) -> list[Item]:
        """The scalars of each row."""
        columns = (self.rows["template"], self.rows["item"], self.rows["k"])
        return [self.scalars.item(*key) for key in zip(*columns, strict=True)]

    def groups(self) -> list[dict[str, str]]:
        """The group that each row names, by attribute."""
        return [
            {name: str(row[name]) for name in self.by} for row in self.rows[list(self.by)].to_dict("records")
        ] or [{}] * len(self.rows)

    def matrix(self, *, every_item: bool = False) -> tuple[Floats, list[str], Item]:
        """[N, W] the values of every item of the rows, the items, and what their images have in common.

        `every_item` takes all items of the template instead, for a number that spans them.

        Raises
        ------
        ValueError
            Two items are of different images.
        """
        template, k = str(self.rows["template"].iloc[0]), float(self.rows["k"].iloc[0])
        names = self.scalars.items_of(template) if every_item else list(dict.fromkeys(self.rows["item"]))
        found = [self.scalars.item(template, name, k) for name in names]
        if any(not np.array_equal(one.image, found[0].image) for one in found):
            raise ValueError(f"scalars: the items of probe {self.probe['name']!r} are of different images")
        return np.column_stack([one.values for one in found]), names, found[0]


def grouping(row: Mapping[str, Any], attributes: Sequence[str]) -> tuple[str, ...]:
    """The attributes that a row names a value of."""
    return tuple(name for name in attributes if row[name] != ALL)


def estimate(
    *, n: int, clusters: int, value: float, low: float = np.nan, high: float = np.nan, p: float = np.nan,
    p_adjusted: float = np.nan, note: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One row of `ESTIMATES`."""
    return {
        "n": int(n), "clusters": int(clusters), "value": float(value), "low": float(low),
        "high": float(high), "p": float(p), "p_adjusted": float(p_adjusted), "note": note,
    }  # fmt: skip


def too_few(*, n: int, clusters: int, least: int) -> dict[str, Any]:
    """The estimate of a group that is too small for one."""
    return estimate(n=n, clusters=clusters, value=np.nan, note=TOO_FEW.format(number_of(least, "image")))


def joined(*notes: str) -> str:
    """Notes, one after the other."""
    return "; ".join(note for note in notes if note)
