"""The two tables of `clip-audit mitigate`: what each method does to every gap, and what it costs.

Two audits are matched image by image once, and both tables read the match.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.comparison.gap_changes import gap_change_table
from audit.comparison.matched_images import Matched, match_probe
from audit.statistics.clusters.clustered_means import clustered_mean
from audit.tables.groups.natural_order import in_natural_order
from probes.records import Records

SPECIFICATION: Final = ("design", "template", "rule", "threshold")
MITIGATION_COLUMNS: Final = (
    "method", "probe", "outcome", *SPECIFICATION, "by", "group", "reference", "n_group", "n_reference",
    "before", "after", "change", "low", "high", "p", "p_adjusted", "effect", "specifications", "narrower_in",
    "seeds", "narrower_in_seeds", "note",
)  # fmt: skip
PAIRED: Final = ("leakage", "nonlinear", "utility", "image_to_text", "text_to_image")
"""What is measured before and after: two classifiers of the attribute, accuracy, recall at 1 of captions."""
RANKED: Final = ("recall", "similarity")
"""Of the images on top of a ranking, at `top_k`: see `audit.mitigation.ranking_costs`."""
SIDES: Final = ("before", "after", "change", "low", "high")
COST_COLUMNS: Final = (
    "method", "attribute", "widest_gap_before", "widest_gap_after",
    *(f"{name}_{side}" for name in PAIRED[:2] for side in SIDES), "chance",
    *(f"{name}_{side}" for name in PAIRED[2:] for side in SIDES),
    "top_k", *(f"{name}_{side}" for name in RANKED for side in SIDES), "n", "clusters", "note",
)  # fmt: skip
NARROWER, WIDER, NOT_SHOWN = "narrower", "wider", "not shown"
LEVEL = 0.05
Correct = Mapping[str, NDArray[np.bool_]]
Paired = tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]
"""What each image or query was before, what after, and its cluster."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a comparison reads of an audit: `AuditResult.manifest`, `outcomes`, `gaps`, `rates`, its scalars.

    Gaps and rates of the audit after a mitigation are not needed, so most of its tables need not be computed.
    """

    manifest: Any
    outcomes: pd.DataFrame | None
    gaps: pd.DataFrame
    scalars: pd.DataFrame | None = None
    rates: pd.DataFrame = field(default_factory=pd.DataFrame)

    @cached_property
    def ordered(self) -> pd.DataFrame | None:
        """The outcomes, groups in their natural order."""
        if self.outcomes is None or not len(self.outcomes):
            return None
        return in_natural_order(self.outcomes, self.manifest)

    @classmethod
    def of(cls, records: Records) -> Answered:
        """The answers of a run, without its gaps."""
        return cls(
            manifest=records.manifest, outcomes=records.outcomes, gaps=pd.DataFrame(), scalars=records.scalars
        )

    @classmethod
    def of_several(cls, parts: Sequence[Records]) -> Answered:
        """The answers of runs on the same images, each of which asks some of the probes."""
        outcomes = [part.outcomes for part in parts if part.outcomes is not None]
        probes = [probe for part in parts for probe in part.manifest["probes"]]
        return cls(
            manifest={**parts[0].manifest, "probes": probes},
            outcomes=pd.concat(outcomes, ignore_index=True) if outcomes else None, gaps=pd.DataFrame(),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An audit before and after a mitigation, matched image by image.

    Attributes
    ----------
    before
        Of the images that fitted nothing.
    matched
        Each probe that both sides asked of the same images: its entry in the manifest, and the images.
    designs
        Probe -> class design after, for a mitigation that chooses designs; the same audit then stands on both
        sides, and probes without a choice keep their gaps.
    """

    before: Answered
    matched: tuple[tuple[Mapping[str, Any], Matched], ...]
    designs: Mapping[str, str] | None = None

    @classmethod
    def of(cls, before: Answered, after: Answered, *, designs: Mapping[str, str] | None = None) -> Pair:
        others = {probe["name"]: probe for probe in after.manifest["probes"]}
        found: list[tuple[Mapping[str, Any], Matched]] = []
        for probe in before.manifest["probes"]:
            if not probe["outcomes"] or probe["name"] not in others:
                continue
            if before.ordered is None or after.ordered is None:
                continue
            first = probe["designs"][0]["name"]
            chosen = None if designs is None else (first, designs.get(probe["name"], first))
            images = match_probe(probe, others[probe["name"]], before.ordered, after.ordered, designs=chosen)
            if images is not None:
                found.append((probe, images))
        return cls(before=before, matched=tuple(found), designs=designs)

    def gap_changes(self, *, tested: bool = True) -> pd.DataFrame:
        """The changes of the gaps of all probes, or of those whose design was chosen (`gap_change_table`)."""
        chosen = [
            images for probe, images in self.matched if self.designs is None or probe["name"] in self.designs
        ]
        return gap_change_table(chosen, self.before.gaps, self.before.manifest, tested=tested)


def gap_rows(method: str, pair: Pair, *, other_seeds: Sequence[Pair] = ()) -> pd.DataFrame:
    """What a method does to every gap, on the same images.

    Parameters
    ----------
    other_seeds
        The same audit before, and after the method fitted with other seeds.

    Returns
    -------
    Columns `MITIGATION_COLUMNS`, one row per probe, outcome, group and reference, in the first specification
    of the probe. `before`, `after` and `change` are gaps with their sign; the interval of the change is the
    paired, clustered one of `audit.comparison.gap_changes`. `p_adjusted` is over all rows of the method: that
    of Westfall and Young within an outcome and grouping, from the permutations, times the number of those
    (Holm's over single gaps could not fall below the number of gaps over that of permutations). `effect` is
    "narrower" or "wider" if the gap changes size, by a p_adjusted below 0.05, and "not shown" otherwise.
    `narrower_in` of the `specifications` have a smaller gap after; in the first one it is smaller with
    `narrower_in_seeds` of the `seeds` that the method was fitted with.
    """
    changes = pair.gap_changes()
    if changes.empty:
        return pd.DataFrame(columns=list(MITIGATION_COLUMNS))
    size = changes["gap_second"].abs() - changes["gap_first"].abs()
    keys = ["probe", "outcome", "by", "group", "reference"]
    changes = changes.assign(narrower=size < 0, known=size.notna())
    over = changes.groupby(keys, sort=False)[["known", "narrower"]].sum()
    first = changes.drop_duplicates(keys).assign(method=method)
    counts = over.reindex(pd.MultiIndex.from_frame(first[keys]))
    families = int(first.loc[first["p"].notna(), ["probe", "outcome", "by"]].drop_duplicates().shape[0])
    adjusted = np.minimum(families * first["p_adjusted"].to_numpy(dtype=float), 1.0)
    shown = adjusted < LEVEL
    size = size.loc[first.index]
    first = first.rename(columns={"gap_first": "before", "gap_second": "after"}).assign(
        p_adjusted=adjusted,
        effect=np.select([shown & (size < 0), shown & (size > 0)], [NARROWER, WIDER], NOT_SHOWN),
        specifications=counts["known"].to_numpy(),
        narrower_in=counts["narrower"].to_numpy(),
        seeds=1 + len(other_seeds),
        narrower_in_seeds=(size < 0).to_numpy() + _narrower(other_seeds, first[keys]),
    )
    return first[list(MITIGATION_COLUMNS)].reset_index(drop=True)


def _narrower(pairs: Sequence[Pair], wanted: pd.DataFrame) -> NDArray[np.int64]:
    """[R] in how many pairs each gap is smaller after, in the first specification."""
    found = np.zeros(len(wanted), dtype=np.int64)
    keys = list(wanted)
    for pair in pairs:
        changes = pair.gap_changes(tested=False).drop_duplicates(keys)
        sizes = (changes["gap_second"].abs() - changes["gap_first"].abs()).to_numpy()
        placed = pd.Series(sizes < 0, index=pd.MultiIndex.from_frame(changes[keys]))
        found += placed.reindex(pd.MultiIndex.from_frame(wanted), fill_value=False).to_numpy(dtype=np.int64)
    return found


def cost_row(
    method: str,
    gaps: pd.DataFrame,
    *,
    attribute: str,
    leakage: tuple[Correct, Correct] | None,
    chance: float,
    clusters: NDArray[np.int64],
    utility: Paired | None,
    retrieval: Mapping[str, Paired] | None = None,
) -> dict[str, Any]:
    """What a method costs: columns `COST_COLUMNS`.

    Parameters
    ----------
    gaps
        Its rows of `gap_rows`.
    leakage
        `probes.mitigation.leakage.leakage` before and after, of images in `clusters`; None for a method that
        leaves the embeddings as they are.
    chance
        The share of the largest group: what a classifier without any information reaches.
    utility
        Whether each image is classified rightly before and after, and its cluster; None without a truth.
    retrieval
        image_to_text, text_to_image -> whether each query finds what belongs to it first, before and after.
    """
    own = gaps[gaps["by"] == attribute] if len(gaps) else gaps
    row: dict[str, Any] = {"method": method, "attribute": attribute, "chance": chance, "note": ""}
    for side in ("before", "after"):
        row[f"widest_gap_{side}"] = float(own[side].abs().max()) if len(own) else np.nan
    if leakage is not None:
        for name, kind in (("leakage", "linear"), ("nonlinear", "nonlinear")):
            row |= _paired(name, leakage[0][kind], leakage[1][kind], clusters)
    for name, pair in (retrieval or {}).items():
        row |= _paired(name, *pair)
    if utility is not None:
        row |= _paired("utility", *utility)
        row |= {"n": len(utility[0]), "clusters": len(np.unique(utility[2]))}
    else:
        row |= {"n": len(clusters), "clusters": len(np.unique(clusters))}
    return row


def _paired(
    name: str, first: NDArray[Any], second: NDArray[Any], clusters: NDArray[np.int64]
) -> dict[str, float]:
    change, low, high = clustered_mean(second.astype(float) - first.astype(float), clusters)
    return {
        f"{name}_before": float(first.mean()), f"{name}_after": float(second.mean()),
        f"{name}_change": change, f"{name}_low": low, f"{name}_high": high,
    }  # fmt: skip


def correctness(pair: Pair) -> Paired | None:
    """Whether each image is classified rightly before and after, over all probes with a truth.

    The first specification of each probe counts. The clusters are numbered over all probes, so that an image
    that several probes ask about is in one. None if no probe has a truth.
    """
    firsts, seconds, clusters = [], [], []
    for probe, matched in pair.matched:
        wrong = [o["name"] for o in probe["outcomes"] if o["kind"] == "misclassified"]
        if not wrong or wrong[0] not in set(matched.columns["outcome"]):
            continue
        place = int(np.argmax((matched.columns["outcome"] == wrong[0]).to_numpy()))
        counted = matched.counted[:, place]
        firsts.append(~matched.first[counted, place])
        seconds.append(~matched.second[counted, place])
        clusters.append(matched.labels["cluster"].to_numpy(dtype=object)[counted])
    if not firsts:
        return None
    return (
        np.concatenate(firsts), np.concatenate(seconds),
        np.asarray(pd.factorize(np.concatenate(clusters))[0], dtype=np.int64),
    )  # fmt: skip


def gap_frame(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All methods under each other, with stable dtypes."""
    kept = [t for t in tables if len(t)]
    table = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=list(MITIGATION_COLUMNS))
    whole = ("n_group", "n_reference", "specifications", "narrower_in", "seeds", "narrower_in_seeds")
    return table[list(MITIGATION_COLUMNS)].astype(dict.fromkeys(whole, "int64"))


def transfer_frame(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Gaps of other data, all methods under each other: the column data, then `MITIGATION_COLUMNS`."""
    names = [str(table["data"].iloc[0]) for table in tables if len(table)]
    table = gap_frame(tables)
    sizes = [len(own) for own in tables if len(own)]
    table.insert(0, "data", np.repeat(np.array(names, dtype=object), sizes))
    return table


def cost_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per method."""
    numbers = [name for name in COST_COLUMNS if name not in ("method", "attribute", "note", "n", "clusters")]
    table = pd.DataFrame(rows, columns=list(COST_COLUMNS))
    counts = {name: table[name].fillna(0).astype("int64") for name in ("n", "clusters")}
    return table.astype(dict.fromkeys(numbers, "float64")).assign(**counts)
