"""Two audits of the same images, image by image: what a new model, or another class design, changed for whom.

The same images answered twice, so a change is a paired difference: McNemar's exact test and a paired interval
from the images whose answer changed. Two independent intervals side by side would be far too wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit.changes import OF_CHANGE, change_table, joint_by_group
from audit.claims import specification_words, titles_of
from audit.counts import SPECIFICATION
from audit.disparity import MIN_GROUP
from audit.formatting import points, points_interval, words
from audit.gates import CONFIDENCE, FAIL, INCONCLUSIVE, NO_GATE, PASS
from audit.intervals import clopper_pearson
from audit.joint import asked_order
from audit.result import AuditResult
from audit.storage import table_rows
from clipmodel.errors import UserError
from probes.records import HAPPENED, KEYS, NOT_ASKED

CHANGE_COLUMNS: Final = (*SPECIFICATION, *OF_CHANGE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What changed from a first audit to a second.

    Attributes
    ----------
    about
        Of both sides: model, data, images; how many images were matched; the designs compared.
    changes
        Columns `CHANGE_COLUMNS`, one row an outcome, way of asking and group. `change` is the rate of the
        second less that of the first; see `audit.changes`.
    verdict
        Of the gate on regressions; NO GATE without one.
    sentence
        What decided the verdict.
    margin
        Of that gate; None without one.
    """

    about: dict[str, Any]
    changes: pd.DataFrame
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

    Raises
    ------
    UserError
        An audit has no outcomes of single images; the two share no image, question or design.
    """
    one, other = (_outcomes(result) for result in (first, second))
    about = _about(first, second, one, other, designs=designs)
    shared = [probe for probe in first.manifest["probes"] if _same(probe, second.manifest)]
    tables = [
        _changes_of_probe(probe, _entry(second.manifest, probe["name"]), one, other, designs=designs)
        for probe in shared
        if probe["outcomes"]
    ]
    changes = _joined(tables, least=int(first.manifest.get("min_group") or MIN_GROUP))
    if not len(changes):
        raise UserError(
            "the two audits have no question in common",
            remedy="compare audits of one suite; --designs FIRST:SECOND names designs that they have",
        )
    verdict, sentence = (
        (NO_GATE, "") if margin is None else regression_verdict(changes, margin, first.manifest)
    )
    return Comparison(
        about=about,
        changes=changes, verdict=verdict, sentence=sentence, margin=margin,
    )  # fmt: skip


def _outcomes(result: AuditResult) -> pd.DataFrame:
    if result.outcomes is None or not len(result.outcomes):
        model = result.manifest["model"]["name"]
        raise UserError(
            f"the audit of {model} holds no outcomes of single images (outcomes.parquet)",
            remedy="run it again with this version of clip-audit run, which keeps them",
        )
    return result.outcomes


def _entry(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(probe for probe in manifest["probes"] if probe["name"] == name)


def _same(probe: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    return any(other["name"] == probe["name"] for other in manifest["probes"])


def _changes_of_probe(
    probe: Mapping[str, Any],
    other_probe: Mapping[str, Any],
    one: pd.DataFrame,
    other: pd.DataFrame,
    *,
    designs: tuple[str, str] | None,
) -> list[pd.DataFrame]:
    name = probe["name"]
    sides = one[one["probe"] == name], other[other["probe"] == name]
    ways = _common_ways(asked_order(probe), asked_order(other_probe), designs)
    known = [outcome["name"] for outcome in probe["outcomes"]]
    attributes = list(dict.fromkeys(a for spec in probe["groups"] for a in spec))
    tables = []
    for outcome in known:
        matched = _matched(
            sides[0][sides[0]["outcome"] == outcome], sides[1][sides[1]["outcome"] == outcome], attributes
        )
        for way in ways if len(matched) else ():
            letters = matched["pattern"].str[way["place"]], matched["pattern_second"].str[way["place_second"]]
            counted = (letters[0] != NOT_ASKED) & (letters[1] != NOT_ASKED)
            answers = pd.DataFrame({"first": letters[0] == HAPPENED, "second": letters[1] == HAPPENED})
            images = pd.concat([matched[attributes], answers], axis=1)[counted]
            tables += [
                _by_groups(images, by).assign(outcome=outcome, **{key: way[key] for key in KEYS})
                for by in [[], *probe["groups"]]
            ]
    return tables


def _common_ways(
    first: pd.DataFrame, second: pd.DataFrame, designs: tuple[str, str] | None
) -> list[dict[str, Any]]:
    """Ways of asking that both have, with their places in the patterns; a way has the first's design."""
    first, second = (table.assign(place=range(len(table))) for table in (first, second))
    if designs is not None:
        first = first[first["design"] == designs[0]]
        second = second[second["design"] == designs[1]].assign(design=designs[0])
    joined = first.merge(second, on=list(KEYS), suffixes=("", "_second"))
    return [{str(key): value for key, value in row.items()} for row in joined.to_dict("records")]


def _matched(first: pd.DataFrame, second: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """The images that both have, with the attributes of the first."""
    one = first[["image", *attributes, "pattern"]].drop_duplicates("image")
    other = second[["image", "pattern"]].drop_duplicates("image")
    return one.merge(other, on="image", suffixes=("", "_second"), validate="one_to_one")


def _by_groups(images: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The four joint counts of every group."""
    first, second = images["first"], images["second"]
    cells = {
        "both": first & second, "only_first": first & ~second,
        "only_second": ~first & second, "neither": ~first & ~second,
    }  # fmt: skip
    return joint_by_group(images[list(by)].assign(**cells), by)


def _joined(tables: Sequence[Sequence[pd.DataFrame]], *, least: int) -> pd.DataFrame:
    parts = [table for of_probe in tables for table in of_probe if len(table)]
    if not parts:
        return pd.DataFrame(columns=list(CHANGE_COLUMNS))
    texts = dict.fromkeys((*SPECIFICATION, "by", "group"), "str") | {"threshold": "float64"}
    counts = pd.concat(parts, ignore_index=True).astype(texts)
    return change_table(counts, keys=SPECIFICATION, least=least)[list(CHANGE_COLUMNS)]


def regression_verdict(changes: pd.DataFrame, margin: float, manifest: Mapping[str, Any]) -> tuple[str, str]:
    """FAIL where a rise lies wholly beyond the margin, PASS where none does, else INCONCLUSIVE; and why.

    The intervals never cover less than they claim, and hold together by Bonferroni over all changes: either
    share of images that changed has an exact one (Clopper & Pearson 1934), with half of the error each.
    """
    confidence = 1 - (1 - CONFIDENCE) / len(changes)
    (fell_low, fell_high), (rose_low, rose_high) = (
        clopper_pearson(changes[name], changes["n"], confidence=(1 + confidence) / 2)
        for name in ("only_first", "only_second")
    )
    judged = changes.assign(low=rose_low - fell_high, high=rose_high - fell_low)
    # A group too small for a rate is not judged, and nothing passes with it.
    judged[["low", "high"]] = judged[["low", "high"]].where(judged["change"].notna(), float("nan"), axis=0)
    failed = bool((judged["low"] > margin).any())
    verdict = FAIL if failed else PASS if (judged["high"] <= margin).all() else INCONCLUSIVE
    row = table_rows(judged.loc[[judged["low" if failed else "high"].idxmax()]])[0]
    probe, outcome = titles_of(manifest)[row["probe"], row["outcome"]]
    claim = {
        PASS: "No rate rose by more than",
        FAIL: "A rate rose by more than",
        INCONCLUSIVE: "The images do not settle whether a rate rose by more than",
    }[verdict]
    interval = points_interval(row["low"], row["high"])
    return verdict, (
        f"{claim} {100 * margin:.1f} percentage points; furthest out: {probe}, {outcome}, "
        f"{words(row['group'])}, {points(row['change'])} "
        f"(simultaneous paired interval {interval}; {specification_words(row)})."
    )


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
