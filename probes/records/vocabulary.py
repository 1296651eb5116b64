"""Words that have a meaning of their own in the tables of a run: reserved values, rules, keys."""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 5
"""Of the manifest and the tables; a folder of another version is refused."""
CHANGES: Final = {
    1: "the first",
    2: "group attributes as columns, and the results of non-classification probes",
    3: "the group attributes, their order and what they describe are in the manifest; association of "
    "attributes is a record; gaps hold the counts of both sides",
    4: "pooled rates, effects of prompts, populations that images are weighted to, Kish's effective number",
    5: "other names of columns and keys: outcome_bits (was pattern), specifications (was asked), omnibus_p "
    "(was all_ways_p)",
}
"""What each version brought, for the message to who gives an older or newer folder."""

ALL: Final = "(all)"
"""Value of a group attribute by which a row is not split."""
MISSING: Final = "(missing)"
"""Value of an attribute that is not annotated, or not visible, for these images."""
NO_TRUTH: Final = "(none)"
"""Truth of the rows of a probe that has none."""
REST: Final = "(rest)"
OVERALL: Final = "(overall)"
BEST: Final = "(best)"
"""What a probe's `references` may say instead of a group: compare with all others, with all images, or with
the group in which the event is rarest."""

HAPPENED: Final = "1"
DID_NOT: Final = "0"
NOT_EVALUATED: Final = "-"
"""Bits of the bit strings in `Records.outcomes`."""

KEYS: Final = ("probe", "design", "template", "rule", "threshold")
"""Columns that name one specification of one probe."""
EVENT_COLUMNS: Final = ("truth", "event_kind", "event", "n", "count")
MOMENTS: Final = (
    "clusters", "with_event", "without_event", "squares", "products", "sizes", "n2", "n3", "n4",
)  # fmt: skip
"""Sums over the clusters of a group; see `probes.records.columns` and `scoring.threshold_ranks`."""
WEIGHTED: Final = ("weighted_n", "weighted_count", "weighted_squares", "weighted_fourth")
"""Where images stand for a population: sums of the weights of images and of images with the event, of the
squared weights, and (over clusters) of the squares of those; `clusters` has the first three of them,
`outcomes` and `scalars` the first, of one image or set."""
EVENT_KINDS: Final = ("class", "set")
STATISTICS: Final = (
    "rate",
    "share of events",
    "mean over sets",
    "signed mean over sets",
    "difference of sides",
    "mean of sides",
    "mean absolute difference",
    "standardised difference of sides",
    "one-sided standardised difference of sides",
    "standardised difference from the rest",
    "share at k",
    "largest skew",
    "smallest skew",
    "divergence",
    "entropy at k",
    "bias at k",
    "reported",
)
"""What a row of `Records.estimands` asks for; `audit.tables.measures` computes each."""
