"""Paired changes by group, from the joint counts of two specifications on the same images.

N images, K bit strings of outcomes, S specifications, W other specifications besides the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.design_effects import change_design_effect
from audit.statistics.multiplicity import holm
from audit.statistics.proportion.marginal_homogeneity import equal_rates_p
from audit.statistics.proportion.paired import mcnemar_p, newcombe_paired
from audit.tables.context import OUTCOMES_NEEDED, TableContext
from audit.tables.groups.coded_table import JOINT, CodedTable
from audit.tables.groups.joint_outcomes import specification_list
from clipmodel.array_types import Floats, Integers
from probes.records import HAPPENED, NOT_EVALUATED, WEIGHTED

TABLE: Final = ("both", "only_first", "only_second", "neither")
OF_CHANGE: Final = (
    "by", "group", "n", "clusters", *TABLE, "rate_first", "rate_second", "change", "low", "high",
    "p", "p_adjusted", "design_effect", "note",
)  # fmt: skip
PAIR_KEYS: Final = (
    "probe", "rule", "threshold", "outcome", "design", "template", "other_design", "other_template",
)  # fmt: skip
CHANGE_KEYS: Final = (
    "rule", "threshold", "outcome", "design", "template", "other_design", "other_template", "by", "group",
)  # fmt: skip
CHANGE_TESTS: Final = ("omnibus_p", "design_effect", "clusters")
SHARES: Final = tuple(f"share_{name}" for name in TABLE)
"""Weighted shares of the images in the four cells of `TABLE`, if images stand for a population."""
PAIRED_COLUMNS: Final = (*PAIR_KEYS, *OF_CHANGE[:-1], "omnibus_p", "note")
_ESTIMATES = ["rate_first", "rate_second", "change", "low", "high", "p", "design_effect"]


def paired_table(context: TableContext) -> pd.DataFrame:
    """What another class design or template changes for each group, image by image.

    Parameters
    ----------
    context
        Of the records: its pairs hold the first specification of a probe against each other one; its outcomes
        of single images, if the run kept them, what pairs alone cannot say: design effects and the test of
        all specifications at once.

    Returns
    -------
    Columns `PAIRED_COLUMNS`: `design` and `template` are the first's, `other_design` and `other_template` the
    second's; the rest as `change_table` makes it. If images stand for a population, rates, changes and their
    intervals are those of the weighted images, and the four counts remain images. `omnibus_p` says whether
    the rate of the group is the same under all designs and templates of the rule and threshold
    (`statistics.proportion.marginal_homogeneity`); with two specifications it is p of the pair, without
    outcomes NaN.
    """
    tables, pairs, outcomes = [], context.pairs, context.outcomes
    for probe in context.probes:
        own = CodedTable(pd.DataFrame() if pairs is None else pairs[pairs["probe"] == probe["name"]])
        parts = [
            joint_by_group(own, by, keys=PAIR_KEYS)
            for by in [[], *probe["groups"]]
            if len(own.frame) and probe["outcomes"]
        ]
        if parts:
            counts = _with_change_tests(
                pd.concat(parts, ignore_index=True), probe, outcomes, seed=context.seed,
                weighted=context.weighted,
            )  # fmt: skip
            table = change_table(counts, keys=PAIR_KEYS, least=context.min_group(probe))
            specifications = table.groupby([*PAIR_KEYS[:-2], "by", "group"], dropna=False)["n"].transform(
                "size"
            )
            only = (specifications == 1) & (outcomes is not None)
            table["omnibus_p"] = table["omnibus_p"].where(~only, table["p"]).where(table["p"].notna())
            tables.append(table)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(PAIRED_COLUMNS))
    whole, numbers = {"n", *TABLE}, {"threshold", "clusters", "p_adjusted", "omnibus_p", *_ESTIMATES}
    dtypes = {
        name: "int64" if name in whole else "float64" if name in numbers else "str" for name in PAIRED_COLUMNS
    }
    return table[list(PAIRED_COLUMNS)].astype(dtypes)


def _with_change_tests(
    counts: pd.DataFrame, probe: Mapping[str, Any], outcomes: CodedTable | None, *, seed: int,
    weighted: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Joint counts with the design effect and the test of all specifications; NaN without outcomes."""
    if outcomes is None:
        unknown = (*CHANGE_TESTS, *SHARES) if weighted else CHANGE_TESTS
        return counts.assign(**dict.fromkeys(unknown, np.nan))
    keys = list(CHANGE_KEYS)
    words = dict.fromkeys([name for name in keys if name != "threshold"], "str") | {"threshold": "float64"}
    return counts.astype(words).merge(
        change_test_table(outcomes, probe, seed=seed).astype(words),
        on=keys,
        how="left",
        validate="one_to_one",
    )


def joint_by_group(
    counts: pd.DataFrame | CodedTable, by: Sequence[str], *, keys: Sequence[str] = ()
) -> pd.DataFrame:
    """Add up the columns of `TABLE` by group; rows that miss an attribute are in no group.

    Parameters
    ----------
    counts
        Rows of images or cells: the columns of `TABLE`, the attributes, and `keys`.
    by
        The attributes that are crossed; none for all images.
    """
    table = counts if isinstance(counts, CodedTable) else CodedTable(counts)
    group, names = table.groups(np.arange(len(table.frame)), by)
    known = np.flatnonzero(group >= 0)
    key = table.number(keys)[known] * max(len(names), 1) + group[known]
    code, _ = pd.factorize(key)
    first = np.unique(code, return_index=True)[1]
    sums = {
        name: np.bincount(code, weights=table.frame[name].to_numpy()[known]).astype(np.int64)
        for name in TABLE
    }
    found = table.frame[list(keys)].iloc[known[first]].reset_index(drop=True)
    labels = pd.Series([names[place] for place in group[known[first]]], dtype="str")
    return found.assign(group=labels, **sums, by=JOINT.join(by))


def change_table(counts: pd.DataFrame, *, keys: Sequence[str], least: int) -> pd.DataFrame:
    """Rates, paired change, interval and p of joint counts.

    Parameters
    ----------
    counts
        As `joint_by_group` makes them, with the columns of `keys`; `design_effect` and `clusters` if
        images of a cluster are known to be dependent. Without them images are taken as independent, and both
        are NaN. With the columns `SHARES`, rates and changes are of those, and NaN where they are.
    keys
        With `by`, the family within which p-values are adjusted.
    least
        Images that a group needs; below, the estimates are NaN and the note says so.

    Returns
    -------
    The rows with the other columns of `OF_CHANGE`. `change` is the second rate less the first, with
    Newcombe's paired 95 % interval. `p` is McNemar's exact one, `p_adjusted` Holm's over a family. Interval
    and p are of the counts over the design effect.
    """
    table = counts.astype(dict.fromkeys(TABLE, "int64"))
    both, first, second, neither = (table[name].to_numpy() for name in TABLE)
    n = both + first + second + neither
    unknown = [name for name in ("design_effect", "clusters") if name not in table]
    table = table.assign(**dict.fromkeys(unknown, np.nan))
    effect = np.nan_to_num(table["design_effect"].to_numpy(dtype=float), nan=1.0)
    cells: tuple[Floats, ...] = (both, first, second, neither)
    unknown_shares = np.zeros(len(table), dtype=bool)
    if SHARES[0] in table:
        shares = [table[name].to_numpy(dtype=float) for name in SHARES]
        unknown_shares = np.isnan(shares[0])
        cells = tuple(np.nan_to_num(share) * n for share in shares)
    low, high = newcombe_paired(*(cell / effect for cell in cells))
    with np.errstate(invalid="ignore"):
        table = table.assign(n=n, rate_first=(cells[0] + cells[1]) / n, rate_second=(cells[0] + cells[2]) / n)
    table = table.assign(change=table["rate_second"] - table["rate_first"], low=-high, high=-low)
    table["p"] = mcnemar_p(*_whole(cells[1], cells[2], effect))
    hidden = (n < least) | unknown_shares
    table = table.assign(**{name: np.where(hidden, np.nan, table[name]) for name in _ESTIMATES})
    families = table.groupby([*keys, "by"], dropna=False, sort=False)["p"]
    table["p_adjusted"] = families.transform(lambda p: holm(p.to_numpy()))
    reason = np.select(
        [n == 0, n < least, unknown_shares],
        ["no images", f"fewer than {least} images", OUTCOMES_NEEDED],
        default="",
    )
    return table.assign(note=pd.Series(reason, index=table.index, dtype="str"))


def _whole(first: Floats, second: Floats, effect: Floats) -> tuple[Integers, Integers]:
    """Effective images that changed one way and the other, as whole numbers: McNemar's test counts images."""
    changed = first + second
    # Down and not to the nearest: p is then too large rather than too small.
    kept = np.floor(changed / effect)
    share = np.divide(first, changed, out=np.zeros(len(first)), where=changed > 0)
    fewer = np.rint(share * kept).astype(np.int64)
    return fewer, kept.astype(np.int64) - fewer


def change_test_table(
    outcomes: pd.DataFrame | CodedTable, probe: Mapping[str, Any], *, seed: int
) -> pd.DataFrame:
    """The test of all specifications at once, and the design effect of each change from the first.

    Parameters
    ----------
    outcomes
        `Records.outcomes`.
    probe
        Its entry in the manifest.

    Returns
    -------
    Columns `CHANGE_KEYS` and `CHANGE_TESTS`, and `SHARES` of weighted outcomes: a row per outcome, rule and
    threshold, other specification and group. `omnibus_p` tests whether the rate is the same in all class
    designs and templates of a rule and threshold (`statistics.proportion.marginal_homogeneity`).
    """
    families = _families(specification_list(probe))
    images = outcomes if isinstance(outcomes, CodedTable) else CodedTable(outcomes)
    of_probe, weighted = images.having("probe", probe["name"]), WEIGHTED[0] in images.frame
    groups, tests = [], []
    for outcome in images.codes("outcome")[1] if len(families) else ():
        rows = np.flatnonzero(of_probe & images.having("outcome", outcome))
        characters, bit_string, cluster = _bit_strings(images, rows)
        weight = images.frame[WEIGHTED[0]].to_numpy(dtype=float)[rows] if weighted else None
        for by in ([], *probe["groups"]) if len(rows) else ():
            group, names_of_groups = images.groups(rows, by)
            for code, name in enumerate(names_of_groups):
                inside = group == code
                groups.append((outcome, JOINT.join(by), name))
                own = None if weight is None else weight[inside]
                tests.append(
                    _of_group(
                        families, characters, bit_string[inside], cluster[inside], weight=own, seed=seed
                    )
                )
    names = [*CHANGE_TESTS, *(SHARES if weighted else ())]
    if not groups:
        return pd.DataFrame(columns=[*CHANGE_KEYS, *names])
    place = np.repeat(np.arange(len(groups)), len(families))
    table = pd.DataFrame(groups, columns=["outcome", "by", "group"]).iloc[place].reset_index(drop=True)
    specifications = families.iloc[np.tile(np.arange(len(families)), len(groups))].reset_index(drop=True)
    numbers = pd.DataFrame(np.concatenate(tests), columns=names)
    return pd.concat([table, specifications, numbers], axis=1)[[*CHANGE_KEYS, *names]]


def _families(asked: pd.DataFrame) -> pd.DataFrame:
    """W rows: every other specification of a rule and threshold, with its place and that of the first."""
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


def _bit_strings(table: CodedTable, rows: NDArray[np.intp]) -> tuple[NDArray[np.str_], Integers, Integers]:
    """[K, S] characters of the distinct bit strings, and [N] codes of bit strings and clusters."""
    code, texts = table.codes("outcome_bits")
    bit_string, distinct = pd.factorize(code[rows])
    characters = np.array([list(texts[one]) for one in distinct], dtype="U1")
    return characters, bit_string, pd.factorize(table.codes("cluster")[0][rows])[0]


def _of_group(
    families: pd.DataFrame, characters: NDArray[np.str_], bit_string: Integers, cluster: Integers, *,
    weight: Floats | None, seed: int,
) -> Floats:  # fmt: skip
    """[W, 3] p of all specifications, design effect and clusters; [W, 7] with `SHARES` of weights."""
    happened, counted = characters == HAPPENED, characters != NOT_EVALUATED
    first, other, family = (families[name].to_numpy() for name in ("place", "other_place", "family"))
    effect = np.ones(len(families))
    clusters = len(np.unique(cluster))
    both = counted[:, other] & counted[:, first]
    if clusters < len(cluster) or weight is not None:
        change = happened[:, other].astype(float) - happened[:, first]
        effect = change_design_effect(
            change[bit_string], both[bit_string], np.ones(len(bit_string)), cluster, weights=weight
        )
    p = np.full(len(families), np.nan)
    for code in np.unique(family):
        own = family == code
        if np.count_nonzero(own) > 1:
            places = [first[own][0], *other[own]]
            inside = counted[:, places].all(axis=1)[bit_string]
            p[own] = equal_rates_p(
                happened[:, places][bit_string[inside]], cluster[inside], seed=seed,
                weights=None if weight is None else weight[inside],
            )  # fmt: skip
    columns = [p, effect, np.full(len(families), clusters)]
    if weight is not None:
        columns += cell_shares(happened[:, first], happened[:, other], both, bit_string, weight)
    return np.column_stack(columns)


def cell_shares(
    first: NDArray[np.bool_], second: NDArray[np.bool_], counted: NDArray[np.bool_], bit_string: Integers,
    weight: Floats,
) -> list[Floats]:  # fmt: skip
    """`SHARES`, each [W], of images with some bit strings [N] and weights [N]; NaN without an image.

    Parameters
    ----------
    first, second, counted
        [K, W] of the bit strings: whether the event happened in either, and whether it was counted in both.
    """
    of_bit_string = np.bincount(bit_string, weights=weight, minlength=len(counted))
    cells = (first & second, first & ~second, second & ~first, ~first & ~second)
    sums = [of_bit_string @ (cell & counted) for cell in cells]
    with np.errstate(invalid="ignore"):
        return [np.asarray(part / sum(sums)) for part in sums]
