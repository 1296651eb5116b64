"""Two models, each of several training runs: what changed, beyond what another seed would change.

Two runs of one training differ as well. With several of either model, the spread between them says how far
the change of a rate or gap would move with another training run, beside how far it moves with other images
(`audit.statistics.variation.prompt_variance.change_of_runs`). A gap is called narrower or wider by that
alone: between single runs it moves as far as between seeds, however many images there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.comparison.run_effects import Answers, comparable, joined_runs
from audit.statistics.multiplicity import holm
from audit.statistics.variation.prompt_variance import change_of_runs
from audit.tables.context import min_clusters, min_group
from audit.tables.groups.coded_table import CodedTable
from audit.tables.groups.group_counts import JOINT
from audit.tables.groups.joint_outcomes import joint_counts, specification_list
from audit.tables.prompt_effects import pairs_to_tell, sampled, too_few
from clipmodel.errors import UserError

WORDS: Final = ("probe", "outcome", "by", "group", "reference", "effect", "note")
SIZES: Final = (
    "n_group", "n_reference", "clusters_group", "clusters_reference", "runs_first", "runs_second",
)  # fmt: skip
NUMBERS: Final = (
    "first", "second", "change", "sd_runs", "images_low", "images_high", "mean_low", "mean_high", "run_low",
    "run_high", "df", "p",
)  # fmt: skip
RUN_CHANGE_COLUMNS: Final = (*WORDS[:-2], *SIZES, *NUMBERS, "p_adjusted", "effect", "note")
ONE_RUN: Final = "one run on a side: nothing is known of another one"
NARROWER, WIDER, NOT_SHOWN = "narrower", "wider", "not shown"
NOT_JUDGED: Final = "not judged: one training run"
LEVEL: Final = 0.05


def run_change_table(first: Sequence[Answers], second: Sequence[Answers]) -> pd.DataFrame:
    """The change of each rate and gap from the runs of one model to those of another.

    Parameters
    ----------
    first, second
        Audits of one suite on the same images; those of a side are of models that differ in their training
        run alone.

    Returns
    -------
    Columns `RUN_CHANGE_COLUMNS`, in the first specification of every probe: means over the runs of either
    model and their change, its interval for other images (images_low, images_high), of the means over all
    training runs (mean_low, mean_high), and between one further run of each (run_low, run_high). Images that
    not all runs have take no part. `p` is of no change of the means over all training runs, `p_adjusted`
    Holm's over all differences between groups, and apart from those over all rates. `effect` is of the
    differences: "narrower" or "wider" by a p_adjusted below 0.05, "not shown" otherwise, "not judged: one
    training run" where a model has one alone. NaN, with the reason in `note`, where a side has too few images
    or clusters, and for other runs where a model has one alone.

    Raises
    ------
    UserError
        Some audit kept no outcomes of single images, or the audits speak for different populations, or share
        no question and images.
    """
    results = [*first, *second]
    if not comparable(results):
        raise UserError(
            "the audits keep no outcomes of single images, or speak for different populations",
            remedy="run all with one suite and this version of clip-audit run",
        )
    rows = [row for probe in results[0].manifest["probes"] for row in _of_probe(probe, results, len(first))]
    if not rows:
        raise UserError(
            "the runs have no question and images in common", remedy="give audits of one suite and data set"
        )
    table = _judged(pd.DataFrame(rows))[list(RUN_CHANGE_COLUMNS)]
    return table.astype(
        {name: "str" if name in WORDS else "int64" if name in SIZES else "float64" for name in table}
    )


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with p_adjusted and effect."""
    p, gap = table["p"].to_numpy(dtype=float), (table["reference"] != "").to_numpy()
    adjusted = np.full(len(table), np.nan)
    for family in (gap, ~gap):
        tested = family & ~np.isnan(p)
        adjusted[tested] = holm(p[tested])
    shown = adjusted < LEVEL
    size = (table["second"].abs() - table["first"].abs()).to_numpy(dtype=float)
    alone = (table[["runs_first", "runs_second"]].min(axis=1) < 2).to_numpy()
    effect = np.select(
        [~gap, alone, shown & (size < 0), shown & (size > 0)], ["", NOT_JUDGED, NARROWER, WIDER], NOT_SHOWN
    )
    return table.assign(p_adjusted=adjusted, effect=effect)


def _of_probe(probe: Mapping[str, Any], results: Sequence[Answers], n_first: int) -> Iterator[dict[str, Any]]:
    manifest, gaps = results[0].manifest, results[0].gaps
    least = min_group(probe, manifest), min_clusters(manifest)
    for entry, outcome, joined in joined_runs(probe, results):
        coded = CodedTable(joined)
        own = gaps[(gaps["probe"] == probe["name"]) & (gaps["outcome"] == outcome)]
        for by in [(), *map(tuple, probe["groups"])]:
            joint = joint_counts(coded, specification_list(entry), by=by)
            for group, reference in pairs_to_tell(joint, own, by):
                n, clusters, values, covariance = sampled(joint, group, reference)
                sides = 2 if reference else 1
                few = too_few(n[:sides], clusters[:sides], least=least, independent=joint.images is None)
                # Of the side with fewer clusters: the interval is then too long rather than too short.
                freedom = np.inf if joint.images is None else min(clusters[:sides]) - 1
                found = change_of_runs(values[:n_first], values[n_first:], covariance, freedom=freedom)
                numbers = {name: getattr(found, name) for name in NUMBERS if hasattr(found, name)}
                nu = found.degrees_of_freedom
                numbers |= {
                    "first": values[:n_first].mean(), "second": values[n_first:].mean(),
                    "df": nu if np.isfinite(nu) else np.nan,
                }  # fmt: skip
                alone = ONE_RUN if min(n_first, len(values) - n_first) < 2 else ""
                yield {
                    "probe": probe["name"], "outcome": outcome, "by": JOINT.join(by), "group": group,
                    "reference": reference, "n_group": n[0], "n_reference": n[1] if reference else 0,
                    "clusters_group": clusters[0], "clusters_reference": clusters[1] if reference else 0,
                    "runs_first": n_first, "runs_second": len(values) - n_first,
                    **(dict.fromkeys(NUMBERS, np.nan) if few else numbers), "note": few or alone,
                }  # fmt: skip
