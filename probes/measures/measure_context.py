"""What a non-classification probe is run on, and what it hands over.

Shapes: N images, U prompts, D embedding.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.yaml_models import closest
from probes.datasets.demographic_dataset import ID, DemographicDataset
from probes.planning.prompts import Embedded
from probes.records import ALL, MISSING, WEIGHTED, attribute_column
from probes.scoring.outcome_bits import digests
from probes.suite.probe_base import ProbeBase
from probes.suite.suite_view import SuiteView

if TYPE_CHECKING:
    from probes.embeddings.embed import EmbeddedImages
    from probes.scoring.design_scores import Head

FIRST, SECOND = "first", "second"
SCALAR_WORDS = ("template", "item", "side", "image", "cluster")


@dataclass(frozen=True, kw_only=True)
class MeasureContext:
    """What a non-classification probe is run on.

    Attributes
    ----------
    suite, dataset
        What the probe is part of, and the data it asks about.
    images
        Those the probe asks about that could be read; `images.rows` are their rows in the data set.
    embedded
        Unit-norm embeddings [D] of the texts it needs.
    head
        How similarities become probabilities.
    weights
        [N] what each image counts for in the suite's population; None without one.
    """

    suite: SuiteView
    dataset: DemographicDataset
    images: EmbeddedImages
    embedded: Embedded
    head: Head
    weights: np.ndarray | None = None

    def values(self, attribute: str) -> np.ndarray:
        """[N] the values of an attribute; NaN if missing."""
        return np.asarray(self.dataset.values(attribute).iloc[self.images.rows].to_numpy())

    def weights_of(self, inside: np.ndarray) -> np.ndarray | None:
        """The weights of some images; None without a population."""
        return None if self.weights is None else self.weights[inside]

    @cached_property
    def image_digests(self) -> np.ndarray:
        """[N] digests of the images' names."""
        return np.array(digests(self.dataset.frame[ID].iloc[self.images.rows]))

    @cached_property
    def cluster_digests(self) -> np.ndarray:
        """[N] digests of the images' clusters; those of the images if the data know no clusters."""
        if not self.dataset.has_clusters:
            return self.image_digests
        return np.array(digests(self.dataset.clusters.iloc[self.images.rows]))


@dataclass(frozen=True)
class Results:
    """What a probe hands over: scalars, one number per image and item, and what to estimate from them.

    Examples
    --------
    >>> results = Results(probe, context)
    >>> results.add_scalars(hits, item="red")
    >>> results.estimate_by_group("share of red", "rate", item="red")
    >>> return results
    """

    probe: ProbeBase
    context: MeasureContext
    scalars: list[pd.DataFrame] = field(default_factory=list)
    estimands: list[dict[str, Any]] = field(default_factory=list)

    def add_scalars(
        self,
        values: np.ndarray,
        *,
        item: str = "",
        template: str = "",
        k: float = np.nan,
        places: np.ndarray | None = None,
        side: np.ndarray | None = None,
    ) -> None:
        """Hand over one number per image.

        Parameters
        ----------
        values
            [N], or [n] of the images at `places`: numbers or bool.
        item, template, k
            What the numbers are of; rows of `estimate` with the same ones are computed from them.
        side
            Like `values`: "first" or "second" of a contrast, "" if neither.
        """
        own = self._of_images
        if places is not None:
            own = own.iloc[np.asarray(places)].reset_index(drop=True)
        sides = np.full(len(own), "") if side is None else side
        self.scalars.append(
            own.assign(
                # From codes: a column of one value for millions of images is then one byte per row.
                template=pd.Categorical.from_codes(np.zeros(len(own), int), pd.Index([template])),
                item=pd.Categorical.from_codes(np.zeros(len(own), int), pd.Index([item])),
                k=float(k), side=pd.Categorical(sides), n=1, value=np.asarray(values, dtype=float),
            )
        )  # fmt: skip

    def add_sets(
        self,
        values: np.ndarray,
        pairs: np.ndarray,
        names: Sequence[str],
        *,
        item: str,
        template: str,
        weights: np.ndarray | None = None,
    ) -> None:
        """Hand over one number per set of counterfactual images: its value, pairs, name and weight, each [S].

        A set counts for what its images do on average.
        """
        blank = dict.fromkeys(self.columns, ALL)
        table = pd.DataFrame({"image": names, "cluster": names, "n": np.asarray(pairs, dtype=np.int64)})
        if weights is not None:
            table[WEIGHTED[0]] = weights
        self.scalars.append(
            table.assign(**blank, template=template, item=item, k=np.nan, side="", value=values)
        )

    def add_shares(
        self, item: str, groups: Sequence[Mapping[str, str]], sizes: np.ndarray, values: np.ndarray
    ) -> None:
        """Hand over one number per group, which no image has: its images and its value, each [G]."""
        rows = [
            {**dict.fromkeys(self.columns, ALL), **self._named(group), "n": int(n), "value": float(value)}
            for group, n, value in zip(groups, sizes, values, strict=True)
        ]
        self.scalars.append(
            pd.DataFrame(rows).assign(image="", cluster="", template="", item=item, k=np.nan, side="")
        )

    def estimate(
        self,
        metric: str,
        statistic: str,
        *,
        group: Mapping[str, str] | None = None,
        item: str = "",
        template: str = "",
        design: str = "",
        k: float = np.nan,
        note: str = "",
    ) -> None:
        """Ask for one number: `statistic` is one of `probes.records.STATISTICS`, `group` the images."""
        of_group = {**dict.fromkeys(self.columns, ALL), **self._named(group or {})}
        self.estimands.append(
            {"metric": metric, "design": design, "template": template, "item": item, "k": float(k),
             **of_group, "statistic": statistic, "note": note}
        )  # fmt: skip

    def estimate_by_group(
        self, metric: str, statistic: str, groupings: Sequence[Sequence[Mapping[str, str]]], **more: Any
    ) -> None:
        """Ask for a number over all images and for each group of some groupings."""
        self.estimate(metric, statistic, **more)
        for groups in groupings:
            for group in groups:
                self.estimate(metric, statistic, group=group, **more)

    @property
    def columns(self) -> list[str]:
        """The columns of the probe's group attributes."""
        return [attribute_column(name) for name in self.probe.attributes]

    @staticmethod
    def _named(group: Mapping[str, str]) -> dict[str, str]:
        return {attribute_column(name): value for name, value in group.items()}

    @cached_property
    def _of_images(self) -> pd.DataFrame:
        """N rows: image, cluster, the group attributes of the probe, and the weight if there is one."""
        context, dataset = self.context, self.context.dataset
        columns: dict[str, Any] = {
            "image": pd.Categorical(context.image_digests),
            "cluster": pd.Categorical(context.cluster_digests),
        }
        for name in self.probe.attributes:
            levels = [*dataset.levels(name), MISSING, ALL]
            values = dataset.values(name).iloc[context.images.rows].astype(object)
            columns[attribute_column(name)] = pd.Categorical(values.where(values.notna(), MISSING), levels)
        if context.weights is not None:
            columns[WEIGHTED[0]] = context.weights
        return pd.DataFrame(columns)


def attribute_values(probe: ProbeBase, dataset: DemographicDataset, attribute: str) -> pd.Series:
    """[N] the values of an attribute that a setting of the probe names; UserError if there is none."""
    if attribute not in dataset.attributes:
        raise UserError(
            f"probe {probe.name!r}: the data {dataset.card.name!r} have no attribute {attribute!r}",
            remedy=closest(attribute, dataset.attributes),
        )
    return dataset.values(attribute)


def check_values(
    probe: ProbeBase, dataset: DemographicDataset, attribute: str, wanted: Collection[str]
) -> None:
    """Raise UserError unless some image has each of the values."""
    present = set(attribute_values(probe, dataset, attribute).dropna())
    if absent := [value for value in wanted if value not in present]:
        raise UserError(
            f"probe {probe.name!r}: no image has {attribute} {absent[0]!r}",
            remedy=closest(absent[0], sorted(present)),
        )


def sides_of(values: np.ndarray, pair: Sequence[str]) -> np.ndarray:
    """[N] "first" for the one value of a pair, "second" for the other, "" for any other."""
    return np.select([values == pair[0], values == pair[1]], [FIRST, SECOND], default="")
