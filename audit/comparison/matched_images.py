"""The images that two audits share, with what happened to each of them in both.

N images, W specifications times outcomes, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.conclusions.gates import EVERYBODY
from audit.tables.groups.group_counts import JOINT, SPECIFICATION
from audit.tables.groups.joint_outcomes import specification_list
from clipmodel.array_types import Integers
from clipmodel.errors import UserError
from probes.records import HAPPENED, KEYS, MISSING, NOT_EVALUATED, WEIGHTED

Bits = NDArray[np.str_]

TOLERANCE = 0.1
"""Share by which the weights of one image may differ: shares of groups are of slightly other images."""


@dataclass(frozen=True, kw_only=True)
class Matched:
    """One probe, asked in two audits of the same images.

    Attributes
    ----------
    labels
        N rows: image, cluster and the group attributes, as the first audit has them.
    columns
        W rows, columns `SPECIFICATION`: the specifications that both have, of every outcome. The
        design is that of the first audit.
    first, second, counted
        [N, W] whether the event happened in either audit, and whether it was counted in both.
    weight
        [N] what each image counts for in the population that both audits speak for, 1 on average; None if
        images are as they are.
    """

    labels: pd.DataFrame
    columns: pd.DataFrame
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    weight: NDArray[np.float64] | None = None

    @property
    def told(self) -> NDArray[np.float64]:
        """[N] the weights: 1 each if there are none."""
        return np.ones(len(self.labels)) if self.weight is None else self.weight

    @property
    def change(self) -> NDArray[np.float64]:
        """[N, W] 1 where the event happens in the second audit only, -1 where in the first only, else 0."""
        return self.second.astype(float) - self.first

    def groups(self, by: Sequence[str]) -> tuple[Integers, list[str]]:
        """[N] codes of the groups, -1 for images that miss an attribute, and the names of the groups."""
        if not by:
            return np.zeros(len(self.labels), dtype=np.int64), [EVERYBODY]
        values = self.labels[list(by)]
        complete = (values.astype("str") != MISSING).all(axis=1)
        known = _joined(values[complete].drop_duplicates().sort_values(list(by)))
        names = _joined(values).where(complete, MISSING)
        codes = pd.Index(known, dtype="str").get_indexer(pd.Index(names, dtype="str"))
        return codes.astype(np.int64), known.tolist()


def _joined(values: pd.DataFrame) -> pd.Series:
    words = values.astype("str")
    return words.iloc[:, 0].str.cat(words.iloc[:, 1:], sep=JOINT) if words.shape[1] > 1 else words.iloc[:, 0]


def match_probe(
    probe: Mapping[str, Any],
    other_probe: Mapping[str, Any],
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    designs: tuple[str, str] | None,
) -> Matched | None:
    """Match the outcomes of one probe in two audits, image by image.

    Parameters
    ----------
    probe, other_probe
        Its entry in either manifest.
    first, second
        `AuditResult.outcomes`, their groups in the order of the first's manifest
        (`audit.tables.groups.natural_order`).
    designs
        Class design of the first and of the second; each with itself by default.

    Returns
    -------
    None where the two have no image or no specification in common.

    Raises
    ------
    UserError
        Both audits have weights, and those of the same images are not in proportion: see `matched_weights`.
    """
    sides = [table[table["probe"] == probe["name"]] for table in (first, second)]
    common = _common_specifications(specification_list(probe), specification_list(other_probe), designs)
    attributes = list(dict.fromkeys(name for spec in probe["groups"] for name in spec))
    labels = sides[0].drop_duplicates("image").merge(sides[1][["image"]].drop_duplicates(), on="image")
    labels = labels.sort_values("image", ignore_index=True)[["image", "cluster", *attributes]]
    both = [set(side["outcome"]) for side in sides]
    outcomes = [o["name"] for o in probe["outcomes"] if o["name"] in both[0] & both[1]]
    if not (len(labels) and len(common) and outcomes):
        return None
    characters = [
        np.hstack([_bits(side, outcome, labels["image"])[:, common[place]] for outcome in outcomes])
        for side, place in zip(sides, ("place", "place_second"), strict=True)
    ]
    columns = pd.concat(
        [common[list(KEYS)].assign(outcome=outcome) for outcome in outcomes], ignore_index=True
    )
    counted = (characters[0] != NOT_EVALUATED) & (characters[1] != NOT_EVALUATED)
    return Matched(
        labels=labels, columns=columns[list(SPECIFICATION)],
        first=counted & (characters[0] == HAPPENED),
        second=counted & (characters[1] == HAPPENED), counted=counted,
        weight=matched_weights(sides, labels["image"], probe=str(probe["name"])),
    )  # fmt: skip


def matched_weights(
    sides: Sequence[pd.DataFrame], images: pd.Series, *, probe: str
) -> NDArray[np.float64] | None:
    """[N] the weights of images in both audits, 1 on average; None if the audits have none.

    Weights that a column gives are the same in both, up to their scale. Those that give groups their shares
    depend on which images an audit has, so that the mean of both, each 1 on average, is taken.

    Raises
    ------
    UserError
        An image weighs more than `TOLERANCE` more in one audit than in the other.
    """
    if any(WEIGHTED[0] not in side for side in sides):
        return None
    found = []
    for side in sides:
        own = side.drop_duplicates("image").set_index("image")[WEIGHTED[0]].reindex(images)
        found.append(own.to_numpy(dtype=float) / own.mean())
    # On the logarithm: a tenth more in the one is a tenth more in the other.
    apart = np.abs(np.log(found[0] / found[1]))
    if apart.max(initial=0) > np.log(1 + TOLERANCE):
        raise UserError(
            f"probe {probe!r}: an image weighs {np.exp(apart.max()):.3g} times as much in one audit as in "
            "the other",
            remedy="compare audits whose images have the same weights",
        )
    return np.asarray((found[0] + found[1]) / 2)


def _common_specifications(
    first: pd.DataFrame, second: pd.DataFrame, designs: tuple[str, str] | None
) -> pd.DataFrame:
    """Specifications that both have, with their places in the bit strings; one has the first's design."""
    first, second = (table.assign(place=range(len(table))) for table in (first, second))
    if designs is not None:
        first = first[first["design"] == designs[0]]
        second = second[second["design"] == designs[1]].assign(design=designs[0])
    return first.merge(second, on=list(KEYS), suffixes=("", "_second"))


def _bits(outcomes: pd.DataFrame, outcome: str, images: pd.Series) -> Bits:
    """[N, S] characters of one outcome; an image without a bit string was not asked."""
    own = outcomes[outcomes["outcome"] == outcome].drop_duplicates("image").set_index("image")["outcome_bits"]
    width = len(own.iloc[0])
    bit_strings = own.reindex(images).fillna(NOT_EVALUATED * width).to_numpy(dtype=f"U{width}")
    return bit_strings.view("U1").reshape(len(images), width)
