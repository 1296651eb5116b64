"""What only the images themselves can say of several ways of asking: do any two of them differ, and how far
images of a cluster change together.

The joint counts of two ways forget clusters, and pairs of ways cannot be joined to one test of all. The
outcomes of single images, where a run kept them, allow both.

N images, K patterns of outcomes, S ways of asking, W other ways beside the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.conclusions.gates import EVERYBODY
from audit.statistics.design_effects import change_design_effect
from audit.statistics.specification_curve_test import asked_order
from audit.statistics.tests_of_proportions import cochran_q_p
from audit.tables.group_counts import JOINT
from probes.records import HAPPENED, MISSING, NOT_ASKED

Codes = NDArray[np.int64]

WAY_KEYS: Final = (
    "rule", "threshold", "outcome", "design", "template", "other_design", "other_template", "by", "group",
)  # fmt: skip
WAY_TESTS: Final = ("all_ways_p", "design_effect")


def way_test_table(outcomes: pd.DataFrame, probe: Mapping[str, Any]) -> pd.DataFrame:
    """Cochran's Q over all ways of asking, and the design effect of the change from the first to each other.

    Parameters
    ----------
    outcomes
        `Records.outcomes`.
    probe
        Its entry in the manifest.

    Returns
    -------
    Columns `WAY_KEYS` and `WAY_TESTS`: a row an outcome, rule and threshold, other way and group. Q asks
    whether the rate is the same in all class designs and templates of a rule and threshold, of counts over
    the mean design effect; with two ways it is NaN, since the test of that pair says it.
    """
    families = _families(asked_order(probe))
    own = outcomes[outcomes["probe"] == probe["name"]]
    groups, tests = [], []
    for outcome, images in own.groupby("outcome", sort=False) if len(families) else ():
        letters, pattern, cluster = _patterns(images)
        for by, name, inside in _groups(images, probe["groups"]):
            groups.append((outcome, JOINT.join(by), name))
            tests.append(_of_group(families, letters, pattern[inside], cluster[inside]))
    if not groups:
        return pd.DataFrame(columns=[*WAY_KEYS, *WAY_TESTS])
    place = np.repeat(np.arange(len(groups)), len(families))
    table = pd.DataFrame(groups, columns=["outcome", "by", "group"]).iloc[place].reset_index(drop=True)
    ways = families.iloc[np.tile(np.arange(len(families)), len(groups))].reset_index(drop=True)
    numbers = pd.DataFrame(np.concatenate(tests), columns=list(WAY_TESTS))
    return pd.concat([table, ways, numbers], axis=1)[[*WAY_KEYS, *WAY_TESTS]]


def _families(asked: pd.DataFrame) -> pd.DataFrame:
    """W rows: every other way of a rule and threshold beside its first, with the places of both."""
    placed = asked.assign(place=np.arange(len(asked)))
    rule = ["rule", "threshold"]
    placed["family"] = placed.groupby(rule, dropna=False, sort=False).ngroup()
    first = placed.drop_duplicates("family")[["family", "design", "template", "place"]]
    other = placed[placed.duplicated("family")]
    return first.merge(
        other.rename(
            columns={"design": "other_design", "template": "other_template", "place": "other_place"}
        ),
        on="family",
    )


def _patterns(images: pd.DataFrame) -> tuple[NDArray[np.str_], Codes, Codes]:
    """[K, S] letters of the distinct patterns, and [N] codes of patterns and clusters."""
    pattern, distinct = pd.factorize(images["pattern"].to_numpy())
    letters = np.array([list(text) for text in distinct], dtype="U1")
    return letters, pattern, pd.factorize(images["cluster"].to_numpy())[0]


def _groups(
    images: pd.DataFrame, splits: Sequence[Sequence[str]]
) -> Iterator[tuple[Sequence[str], str, NDArray[np.bool_]]]:
    """Every group of every split, and which of the images are in it."""
    yield [], EVERYBODY, np.ones(len(images), dtype=bool)
    for by in splits:
        values = images[list(by)].astype("str")
        names = values.iloc[:, 0].str.cat(values.iloc[:, 1:], sep=JOINT) if len(by) > 1 else values.iloc[:, 0]
        code, known = pd.factorize(names.where((values != MISSING).all(axis=1), MISSING))
        for number, name in enumerate(known):
            if name != MISSING:
                yield by, str(name), code == number


def _of_group(
    families: pd.DataFrame, letters: NDArray[np.str_], pattern: Codes, cluster: Codes
) -> NDArray[np.float64]:
    """[W, 2] p of all ways and design effect."""
    number = np.bincount(pattern, minlength=len(letters))
    happened, counted = letters == HAPPENED, letters != NOT_ASKED
    first, other, family = (families[name].to_numpy() for name in ("place", "other_place", "family"))
    effect = np.ones(len(families))
    if len(np.unique(cluster)) < len(cluster):
        change = happened[:, other].astype(float) - happened[:, first]
        both = counted[:, other] & counted[:, first]
        effect = change_design_effect(change[pattern], both[pattern], np.ones(len(pattern)), cluster)
    p = np.full(len(families), np.nan)
    for code in np.unique(family):
        own = family == code
        if np.count_nonzero(own) > 1:
            places = [first[own][0], *other[own]]
            images = np.where(counted[:, places].all(axis=1), number, 0) / effect[own].mean()
            p[own] = cochran_q_p(happened[:, places], images)
    return np.column_stack([p, effect])
