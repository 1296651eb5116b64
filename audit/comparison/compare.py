"""Two audits of the same images, image by image: what a new model, or another class design, changed for whom.

The same images answered twice, so a change is a paired difference: McNemar's exact test and a paired interval
from the images whose answer changed. Two independent intervals side by side would be far too wide. Whether a
gap between groups changed is asked of the same images; see `audit.comparison.gap_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.comparison.gap_changes import gap_change_table
from audit.comparison.matched_images import Matched, match_probe
from audit.conclusions.finding_sentences import specification_words, titles_of
from audit.conclusions.gates import CONFIDENCE, design_effect
from audit.conclusions.verdict import FAIL, INCONCLUSIVE, NO_GATE, PASS, verdict_of
from audit.formatting import points, points_interval, words
from audit.json_tables import table_rows
from audit.result import AuditResult
from audit.statistics.clusters.design_effects import change_design_effect
from audit.statistics.proportion.intervals import clopper_pearson
from audit.tables.context import min_group
from audit.tables.groups.group_counts import JOINT, SPECIFICATION
from audit.tables.groups.natural_order import in_natural_order
from audit.tables.paired_changes import OF_CHANGE, SHARES, TABLE, change_table
from clipmodel.errors import UserError
from probes.records import WEIGHTED

CHANGE_COLUMNS: Final = (*SPECIFICATION, *OF_CHANGE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What changed from a first audit to a second.

    Attributes
    ----------
    about
        Of both sides: model, data, images; how many images were matched; the designs compared.
    changes
        Columns `CHANGE_COLUMNS`, one row per outcome, specification and group. `change` is the rate of the
        second less that of the first; see `audit.tables.paired_changes`. If both audits speak for a
        population, rates and changes are weighted, and the columns `SHARES` follow.
    gap_changes
        One row per gap and specification: the change of the group less that of its reference; see
        `audit.comparison.gap_changes`.
    verdict
        Of the gate on regressions; NO GATE without one.
    sentence
        What decided the verdict.
    margin
        Of that gate; None without one.
    """

    about: dict[str, Any]
    changes: pd.DataFrame
    gap_changes: pd.DataFrame
    verdict: str
    sentence: str
    margin: float | None = None


def compare(
    first: AuditResult,
    second: AuditResult,
    *,
    designs: tuple[str, str] | None = None,
    margin: float | None = None,
) -> Comparison:
    """Compare two audits on the images that both have.

    Parameters
    ----------
    first, second
        The earlier and the later audit, or one audit twice with two `designs`.
    designs
        Class design of the first and of the second; by default each design is compared with itself.
    margin
        Gate on regressions: by how much the rate of an outcome may rise in any group. Every outcome counts
        what nobody wants (an error, a harmful word), so a rise is a regression.

    Returns
    -------
    Comparison
        `changes` of every rate and `gap_changes` of every gap, with intervals for the same images, and the
        verdict of the gate.

    Raises
    ------
    UserError
        An audit has no outcomes of single images; the two speak for different populations, or share no image,
        question or design.
    """
    _check_populations(first, second)
    one, other = (_outcomes(result) for result in (first, second))
    about = _about(first, second, one, other, designs=designs)
    others = {probe["name"]: probe for probe in second.manifest["probes"]}
    probes = [probe for probe in first.manifest["probes"] if probe["outcomes"] and probe["name"] in others]
    matched = [
        (probe, images)
        for probe in probes
        for images in [match_probe(probe, others[probe["name"]], one, other, designs=designs)]
        if images is not None
    ]
    if not matched:
        raise UserError(
            "the two audits have no question in common",
            remedy="compare audits of one suite; --designs FIRST:SECOND names designs that they have",
        )
    changes = pd.concat(
        [changes_of(images, probe, least=min_group(probe, first.manifest)) for probe, images in matched],
        ignore_index=True,
    )
    verdict, sentence = (
        (NO_GATE, "") if margin is None else regression_verdict(changes, margin, first.manifest)
    )
    return Comparison(
        about=about, changes=changes,
        gap_changes=gap_change_table([images for _, images in matched], first.gaps, first.manifest),
        verdict=verdict, sentence=sentence, margin=margin,
    )  # fmt: skip


def _check_populations(first: AuditResult, second: AuditResult) -> None:
    """Refuse audits that speak for different populations: weights would mix a change of the model with one of
    whom it is for."""
    named = [result.manifest.get("population") or {} for result in (first, second)]
    one, other = (
        {name: value.get(name) for name in ("weights", "shares")} if value else {} for value in named
    )
    if one != other:
        words = [value.get("words", "the images as they are") for value in named]
        raise UserError(
            f"the first audit speaks for {words[0]}, the second for {words[1]}",
            remedy="run both with the same 'population', or both without",
        )
    for side, result in (("first", first), ("second", second)):
        if named[0] and result.outcomes is not None and WEIGHTED[0] not in result.outcomes:
            raise UserError(
                f"the {side} audit is weighted to a population, and its outcomes.parquet holds no weights",
                remedy="run it again with this version of clip-audit run, which keeps them",
            )


def _outcomes(result: AuditResult) -> pd.DataFrame:
    if result.outcomes is None or not len(result.outcomes):
        model = result.manifest["model"]["name"]
        raise UserError(
            f"the audit of {model} holds no outcomes of single images (outcomes.parquet)",
            remedy="run it again with this version of clip-audit run, which keeps them",
        )
    return in_natural_order(result.outcomes, result.manifest)


def changes_of(matched: Matched, probe: Mapping[str, Any], *, least: int) -> pd.DataFrame:
    """Paired changes of every specification, over all images and by group: see `Comparison.changes`.

    `least` are the images that a group needs.
    """
    alone = matched.labels["cluster"].is_unique
    clusters = pd.factorize(matched.labels["cluster"])[0]
    first, second, counted = matched.first, matched.second, matched.counted
    cells = (first & second, first & ~second, second & ~first, counted & ~first & ~second)
    columns = np.arange(len(matched.columns))
    tables = []
    for by in [[], *probe["groups"]]:
        code, names = matched.groups(by)
        for number, name in enumerate(names):
            own = code == number
            joint = dict(zip(TABLE, (cell[own].sum(axis=0) for cell in cells), strict=True))
            effect = np.ones(len(columns))
            if not alone or matched.weight is not None:
                effect = change_design_effect(matched.change, counted, own, clusters, weights=matched.weight)
            if matched.weight is not None:
                joint |= dict(zip(SHARES, _shares(cells, own, matched.weight), strict=True))
            table = matched.columns.assign(
                by=JOINT.join(by), group=name, **joint, design_effect=effect,
                clusters=float(len(np.unique(clusters[own & counted.any(axis=1)]))),
            )  # fmt: skip
            tables.append(table.assign(column=columns))
    counts = pd.concat(tables, ignore_index=True).sort_values("column", kind="stable", ignore_index=True)
    asked = counts[counts[list(TABLE)].sum(axis=1) > 0].astype({"threshold": "float64"})
    more = () if matched.weight is None else SHARES
    return change_table(asked, keys=SPECIFICATION, least=least)[[*CHANGE_COLUMNS, *more]]


def _shares(cells: Sequence[NDArray[np.bool_]], own: NDArray[np.bool_], weight: Any) -> list[Any]:
    """`SHARES` of some images, each [W]; NaN without any."""
    sums = [weight[own] @ cell[own] for cell in cells]
    with np.errstate(invalid="ignore"):
        return [part / sum(sums) for part in sums]


def regression_verdict(
    changes: pd.DataFrame, margin: float, manifest: Mapping[str, Any], *, error: float = 1 - CONFIDENCE
) -> tuple[str, str]:
    """FAIL if a rise lies wholly beyond the margin, PASS if every rise lies within it, and why.

    A FAIL rests on intervals that hold together with `error` (Bonferroni over all changes), a PASS on
    one-sided limits of each change with `error`, since it asserts all of them at once
    (`conclusions.verdict`).

    Parameters
    ----------
    changes
        `Comparison.changes`.
    error
        Chance of a wrong verdict of either kind: 5 % for a gate that is looked at once.
    """
    judged = judged_changes(changes, error=error)
    verdict = verdict_of(
        judged["low"], judged["high"], allowed=(-np.inf, margin), low_to_pass=judged["low_to_pass"],
        high_to_pass=judged["high_to_pass"],
    )  # fmt: skip
    row = decisive_change(judged, verdict)
    probe, outcome = titles_of(manifest)[row["probe"], row["outcome"]]
    claim = {
        PASS: "No rate rose by more than",
        FAIL: "A rate rose by more than",
        INCONCLUSIVE: "The images do not settle whether a rate rose by more than",
    }[verdict]
    interval = points_interval(row["low"], row["high"])
    return verdict, (
        f"{claim} {100 * margin:.3g} percentage points; largest: {probe}, {outcome}, "
        f"{words(row['group'])}, {points(row['change'])} "
        f"(simultaneous paired interval {interval}; {specification_words(row)})."
    )


def judged_changes(changes: pd.DataFrame, *, error: float) -> pd.DataFrame:
    """Changes with the limits that can fail a gate (low, high) and those that can pass it.

    The limits are conservative: each share of images that changed, one way and the other, has an exact one
    (Clopper & Pearson 1934), with half of the error each, of counts over the design effect. A group that is
    too small for a rate is not judged, and nothing passes with it.
    """
    low, high = _paired_limits(changes, error=error / len(changes))
    # A PASS looks at the upper limits alone: a two-sided error twice as large is one-sided the error
    # itself.
    low_to_pass, high_to_pass = _paired_limits(changes, error=2 * error)
    limits = {"low": low, "high": high, "low_to_pass": low_to_pass, "high_to_pass": high_to_pass}
    judged = changes.assign(**limits)
    names = list(limits)
    judged[names] = judged[names].where(judged["change"].notna(), float("nan"), axis=0)
    return judged


def _paired_limits(changes: pd.DataFrame, *, error: float) -> tuple[Any, Any]:
    effect = design_effect(changes)
    shares = {name: changes[name] / changes["n"] for name in ("only_first", "only_second")}
    if SHARES[0] in changes:
        shares = {name: changes[f"share_{name}"] for name in shares}
    (fell_low, fell_high), (rose_low, rose_high) = (
        clopper_pearson(share * changes["n"] / effect, changes["n"] / effect, confidence=1 - error / 2)
        for share in shares.values()
    )
    return rose_low - fell_high, rose_high - fell_low


def decisive_change(judged: pd.DataFrame, verdict: str) -> dict[str, Any]:
    """The row that decided a verdict, or came closest to another one."""
    reach = judged["low" if verdict == FAIL else "high_to_pass"]
    place = reach.idxmax() if reach.notna().any() else judged.index[0]
    return table_rows(judged.loc[[place]])[0]


def _about(
    first: AuditResult,
    second: AuditResult,
    one: pd.DataFrame,
    other: pd.DataFrame,
    *,
    designs: tuple[str, str] | None,
) -> dict[str, Any]:
    images = [set(table["image"]) for table in (one, other)]
    matched = images[0] & images[1]
    if not matched:
        raise UserError(
            "the two audits have no image in common", remedy="compare audits of the same data set"
        )
    sides = {
        name: {
            "model": result.manifest["model"]["name"],
            "fingerprint": result.manifest["model"].get("fingerprint", ""),
            "suite": result.manifest["suite"]["name"],
            "data": result.manifest["data"]["name"],
            "design": "" if designs is None else designs[place],
            "images": len(images[place]),
        }
        for place, (name, result) in enumerate((("first", first), ("second", second)))
    }
    digests = [result.manifest["data"].get("images_sha256") for result in (first, second)]
    return {**sides, "matched": len(matched), "same_files": digests[0] == digests[1]}
