"""What the kinds share: groups of images as numbers, prompts as vectors, and the form of a row.

Shapes: N images, G groups, U prompts, D embedding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.yaml_models import closest
from probes.datasets.base import DemographicDataset
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.embeddings.embed import EmbeddedImages
from probes.embeddings.precomputed import AS_GIVEN
from probes.records import ALL, attribute_column
from probes.scoring.engine import Head, ensemble
from probes.suite.label_sets import LabelClass
from probes.suite.measure_probes import Classified, Templated, Worded
from probes.suite.probe_base import ProbeBase
from probes.suite.suite import Suite
from probes.suite.templates import render

Embedded = Mapping[str, np.ndarray]
Row = dict[str, object]
TOO_FEW = "fewer than {} images"
WHOLE_CLUSTERS = "p keeps clusters whole"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a probe that is no classification is run on.

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
    """

    suite: Suite
    dataset: DemographicDataset
    images: EmbeddedImages
    embedded: Embedded
    head: Head

    @cached_property
    def clusters(self) -> np.ndarray | None:
        """[N] the number of each image's cluster; None where each holds one image, for all the data know."""
        own = self.dataset.clusters.iloc[self.images.rows]
        if not self.dataset.has_clusters or not own.duplicated().any():
            return None
        return pd.factorize(own)[0]


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Images divided by one or several attributes.

    Attributes
    ----------
    spec
        The attributes.
    codes
        [N] the group of each image, -1 where an attribute is missing.
    values
        [G] the values of the attributes of each group, in their natural order.
    """

    spec: tuple[str, ...]
    codes: np.ndarray
    values: tuple[dict[str, str], ...]

    @property
    def known(self) -> np.ndarray:
        return self.codes >= 0

    @property
    def sizes(self) -> np.ndarray:
        """[G] images of each group."""
        return np.bincount(self.codes[self.known], minlength=len(self.values))

    def name(self, group: int) -> str:
        return " x ".join(self.values[group].values())

    def __len__(self) -> int:
        return len(self.values)


def divide(dataset: DemographicDataset, rows: np.ndarray, spec: Sequence[str]) -> Groups:
    """The groups of some rows by some attributes; only those that have images."""
    labels = pd.DataFrame(
        {
            name: pd.Categorical(dataset.values(name).iloc[rows], dataset.levels(name), ordered=True)
            for name in spec
        }
    )
    labels.columns = pd.RangeIndex(len(spec))  # an attribute may be called like a column of the merge
    present = (
        labels.dropna().drop_duplicates().sort_values(list(labels.columns), ignore_index=True).astype("str")
    )
    numbered = present.assign(code=range(len(present)))
    codes = labels.astype(object).merge(numbered, on=list(labels.columns), how="left")["code"].fillna(-1)
    values = tuple(
        dict(zip(spec, map(str, one), strict=True)) for one in present.itertuples(index=False, name=None)
    )
    return Groups(spec=tuple(spec), codes=codes.to_numpy(int), values=values)


def row(
    probe: ProbeBase,
    metric: str,
    *,
    n: float,
    value: float,
    group: Mapping[str, str] | None = None,
    **more: Any,
) -> Row:
    """A row of measures: "(all)" in every attribute that the group does not name."""
    of_group = {attribute_column(name): (group or {}).get(name, ALL) for name in probe.attributes}
    blank = {"template": "", "design": "", "item": "", "note": ""}
    return {**blank, "metric": metric, **of_group, "n": int(n), "value": float(value), **more}


def attribute_values(probe: ProbeBase, dataset: DemographicDataset, attribute: str) -> pd.Series:
    """[N] the values of an attribute that a setting of the probe names; UserError where there is none."""
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


Prompts = dict[str, dict[str, tuple[str, ...]]]  # template -> class or word -> texts to ensemble


def class_prompts(probe: Classified, suite: Suite, dataset: DemographicDataset) -> Prompts:
    """The prompts of the classes, template by template, sorted by the name of the class.

    Raises
    ------
    UserError
        The data are embeddings whose file lacks a class, or predictions without scores.
    """
    items = sorted(probe.classes(suite).classes, key=lambda item: item.name)
    found = _prompts(probe, suite, dataset, items)
    for shown in found.values():
        if missing := [item for item in items if item.name not in shown]:
            raise UserError(
                f"probe {probe.name!r}: the file has no text for the class {missing[0].name!r}",
                remedy=f"add {missing[0].words!r} or the prompts to the file, or drop the class",
            )
    return found


def word_prompts(probe: Worded, suite: Suite, dataset: DemographicDataset) -> Prompts:
    """The prompts of the words, template by template; words that a file of embeddings lacks are left out.

    Raises
    ------
    UserError
        The file has none of the words, or holds predictions without scores.
    """
    items = list({item.name: item for _, item in probe.word_list.members}.values())
    found = _prompts(probe, suite, dataset, items)
    if not all(found.values()):
        raise UserError(
            f"probe {probe.name!r}: the file has none of its {len(items)} words, such as {items[0].words!r}",
            remedy="add the words or their prompts to the file",
        )
    return found


def _prompts(
    probe: Templated, suite: Suite, dataset: DemographicDataset, items: Sequence[LabelClass]
) -> Prompts:
    rendered: Prompts = {
        name: {item.name: tuple(render(text, item) for text in suite.template_texts[name]) for item in items}
        for written in probe.templates
        for name in suite.named_templates[written].named(written)
    }
    if not isinstance(dataset, EmbeddedDataset):
        return rendered
    if dataset.texts.unknown is not None:
        raise UserError(
            f"probe {probe.name!r}: the kind {probe.kind!r} needs similarities, the file has none",
            remedy="give embeddings or scores, or take the probe out",
        )
    known = dataset.texts.rows
    whole = {
        name: shown
        for name, shown in rendered.items()
        if all(text in known for texts in shown.values() for text in texts)
    }
    if whole:
        return whole
    in_file: dict[str, tuple[str, ...]] = {
        item.name: (next(text for text in (item.words, item.name) if text in known),)
        for item in items
        if item.words in known or item.name in known
    }
    return {AS_GIVEN: in_file}


def texts_of(prompts: Prompts) -> set[str]:
    """Every text of some prompts."""
    return {text for shown in prompts.values() for texts in shown.values() for text in texts}


def vectors(shown: Mapping[str, tuple[str, ...]], embedded: Embedded) -> np.ndarray:
    """[U, D] one vector a class or word; several texts are ensembled."""
    return np.stack([ensemble([embedded[text] for text in texts]) for texts in shown.values()])


def each_group(groups: Groups) -> Iterator[tuple[int, dict[str, str], np.ndarray]]:
    """The groups, their values, and [N] bool which images are theirs."""
    for group, values in enumerate(groups.values):
        yield group, values, groups.codes == group
