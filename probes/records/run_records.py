"""`Records`: the tables of one run, before any conclusion.

Counts are the sufficient statistic. Every rate, interval and contrast derives from one tidy table with a row
for each finest cell (product of the group attributes that a probe uses) x truth x event.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from probes.records.manifest_types import Manifest


@dataclass(frozen=True, kw_only=True)
class Records:
    """One run of a suite, before any conclusion.

    Attributes
    ----------
    manifest
        What was asked of which model on which data; JSON-able.
    counts
        Columns `KEYS`, one column per group attribute, `EVENT_COLUMNS`. `n` images have this cell and truth;
        for `count` of them the event happened. Under a rule that assigns one class, such as "argmax", the
        class events are the predictions and sum to `n`; under the other rules (see `probes.rules`) an event
        happens where its class, or one class of its set, is assigned; the set event "misclassified", if no
        class is assigned that is right for the image. `threshold` is k, t, c or the share, and NaN for a rule
        without. Zero counts are kept.
    curves
        The columns of `counts`, set events only, for every threshold of the curve.
    excluded
        Images left out: probe, reason, one column per group attribute, n.
    images
        One row per image x probe x design x template, where it was asked for.
    estimands
        What is to be estimated from `scalars`, one row per number: probe, kind, metric, design, template,
        item, k, one column per group attribute, statistic (one of `STATISTICS`), note.
    scalars
        One row per image (or set of counterfactual images) x item of a non-classification probe: probe,
        template, item, k, side ("first" or "second" of a contrast, "" if neither), image and cluster
        (digests, as in `outcomes`), one column per group attribute, n (what the value is a mean of: 1, or the
        pairs of a set), value.
    pairs
        Joint counts of two specifications on the same images, the first of the probe against each other one:
        probe, rule, threshold, outcome, design, template, other_design, other_template, one column per group
        attribute, n, both, only_first, only_second, neither.
    clusters
        Counts by cluster, where clusters hold several images: probe, design, template, rule, threshold,
        outcome, one column per group attribute, cluster, n, count. None of a probe that has too many.
    moments
        Sums over clusters (`MOMENTS`), in every grouping of a probe: probe, design, template, rule,
        threshold, outcome, one column per group attribute, `MOMENTS`. At every threshold of the curve; and
        under the rules where `clusters` would be too long.
    outcomes
        One row per image x probe x outcome: probe, outcome, image, cluster, group attributes, outcome_bits.
        `image` and `cluster` are digests of what the data call them, to match the images of two runs without
        naming them. `outcome_bits` has a character for each specification of the probe, in the order of its
        `specifications` in the manifest: "1" the event happened, "0" it did not, "-" the outcome is not
        counted there. None where it was not kept.
    annotations
        One row per image x attribute x annotator: image (digest, as in `outcomes`), attribute (column),
        annotator, said. None where no group attribute has several annotators.
    confirmation
        The columns of `counts`, of the images that the suite keeps apart to confirm findings; they are in no
        other table. None where it keeps none.
    confirmation_clusters, confirmation_moments
        The columns of `clusters` and `moments`, of the images of `confirmation`.
    """

    manifest: Manifest
    counts: pd.DataFrame
    curves: pd.DataFrame
    excluded: pd.DataFrame
    images: pd.DataFrame | None = None
    estimands: pd.DataFrame | None = None
    scalars: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
    clusters: pd.DataFrame | None = None
    outcomes: pd.DataFrame | None = None
    annotations: pd.DataFrame | None = None
    confirmation: pd.DataFrame | None = None
    moments: pd.DataFrame | None = None
    confirmation_clusters: pd.DataFrame | None = None
    confirmation_moments: pd.DataFrame | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns of the group attributes, in the order of the tables."""
        return tuple(one["column"] for one in self.manifest["attributes"])
