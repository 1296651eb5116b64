"""The one description of every table of a run and of an audit.

Writer, reader, validation, documentation and tests all go by `SCHEMAS`. A new column is added here, in the
table that has it and in `probes.records.columns`; nothing else lists the columns of a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from probes.records.columns import COLUMNS
from probes.records.schema import ATTRIBUTES, Column, TableSchema, schema
from probes.records.vocabulary import KEYS, MOMENTS

_table = partial(schema, known=COLUMNS)
_SPECIFICATION = (*KEYS, "outcome")
_MEASURED = ("probe", "kind", "metric", "design", "template", "item", "k")
_RATE = ("n", "clusters", "count", "rate", "low", "high", "kish_n", "shrunk", "design_effect", "df")
_POOLED_RATE = (*_RATE[:8], "pooled", "pooled_low", "pooled_high", *_RATE[8:])
_PAIR = ("probe", "rule", "threshold", "outcome", "design", "template", "other_design", "other_template")
_SIDES = (
    "group", "by", "reference", "n_group", "n_reference", "clusters_group", "clusters_reference",
)  # fmt: skip
_JOINT = ("both", "only_first", "only_second", "neither")
_INTERVALS = ("difference", "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high")
_MOMENTS = (
    Column("clusters", "float64", "clusters of the group"),
    *(name for name in MOMENTS if name != "clusters"),
)
WEIGHTED_PREFIX: Final = "weighted_"
"""Begins the columns that tables have if images stand for a population; see `WEIGHTED`."""
_COUNTS = (*KEYS, ATTRIBUTES, "truth", "event_kind", "event", "n", "count")

RECORD_TABLES: Final[tuple[TableSchema, ...]] = (
    _table("counts", "one cell (attributes x truth) and event of one specification", _COUNTS),
    _table("curves", "as counts, at every threshold of the curve", _COUNTS),
    _table("confirmation", "as counts, of the images held out to confirm findings", _COUNTS),
    _table("excluded", "images left out for one reason", ("probe", "reason", ATTRIBUTES, "n")),
    _table(
        "images",
        "one image under one design and template",
        ("probe", "design", "template", "image_id", "cluster", ATTRIBUTES, "truth", "prediction",
         "probability"),
        prefix="score_",
    ),
    _table(
        "estimands",
        "one number that is to be estimated from the scalars",
        (*_MEASURED, ATTRIBUTES, "statistic", "note"),
    ),
    _table(
        "scalars",
        "one image, or set of counterfactual images, and item of a non-classification probe",
        ("probe", "template", "item", "k", "side", "image", "cluster", ATTRIBUTES,
         Column("n", "int64", "what the value is a mean of: 1, or the pairs of a set"),
         Column("value", "float64", "similarity, score or outcome of the image")),
        prefix=WEIGHTED_PREFIX,
    ),
    _table(
        "pairs",
        "joint counts of two specifications on the same images, in one cell",
        (*_PAIR, ATTRIBUTES, "n", *_JOINT),
    ),
    _table(
        "clusters",
        "one cluster in one cell: its images and events",
        (*_SPECIFICATION, ATTRIBUTES, "cluster", "n", "count"),
        prefix=WEIGHTED_PREFIX,
    ),
    _table(
        "moments",
        "sums over the clusters of one group, or of all images",
        (*_SPECIFICATION, ATTRIBUTES, *_MOMENTS),
        prefix=WEIGHTED_PREFIX,
    ),
    _table(
        "confirmation_clusters",
        "as clusters, of the images held out to confirm findings",
        (*_SPECIFICATION, ATTRIBUTES, "cluster", "n", "count"),
        prefix=WEIGHTED_PREFIX,
    ),
    _table(
        "confirmation_moments",
        "as moments, of the images held out to confirm findings",
        (*_SPECIFICATION, ATTRIBUTES, *_MOMENTS),
        prefix=WEIGHTED_PREFIX,
    ),
    _table(
        "annotations",
        "what one annotator said of one image; of attributes that several people annotated",
        (Column("image", "str", "digest of the image's name in the data"),
         Column("attribute", "str", "column of the group attribute"),
         Column("annotator", "int64", "number of the annotator among those of the image"),
         Column("said", "str", "value that the annotator gave")),
    ),
    _table(
        "outcomes",
        "what happened to one image under every specification",
        ("probe", "outcome", "image", "cluster", ATTRIBUTES, "outcome_bits"),
        prefix=WEIGHTED_PREFIX,
        optional=("truth",),
    ),
)  # fmt: skip
"""What a run of probes hands over: the tables of `Records`."""

AUDIT_TABLES: Final[tuple[TableSchema, ...]] = (
    _table(
        "accuracy",
        "one group under one specification: share of correct predictions",
        (*KEYS, ATTRIBUTES, "n", "clusters", Column("count", "int64", "correct predictions"),
         Column("rate", "float64", "accuracy: count / n"), *_POOLED_RATE[4:], "balanced", "note"),
    ),
    _table(
        "rates",
        "one group under one specification and outcome",
        (*_SPECIFICATION, ATTRIBUTES, *_POOLED_RATE, "note"),
    ),
    _table(
        "curves",
        "as rates without the pooled ones, at every threshold of the curve, with simultaneous bands",
        (*_SPECIFICATION, ATTRIBUTES, *_RATE, "band_low", "band_high", "note"),
    ),
    _table(
        "gaps",
        "one group against its reference under one specification and outcome",
        (*_SPECIFICATION, ATTRIBUTES, *_SIDES, "kish_group", "kish_reference", "count_group",
         "count_reference", "rate_group",
         "rate_reference", *_INTERVALS, "p", "design_effect", "design_effect_group",
         "design_effect_reference",
         "df_group", "df_reference", "correlation", "p_adjusted", "smallest_detectable", "driven_by", "note"),
        optional=("weighted_share",),
    ),
    _table(
        "composition", "one group's share of the events of one specification and outcome", (*_SPECIFICATION,
        ATTRIBUTES, "by", "group", "n_events", "count", "clusters", "share_of_events", "low", "high",
         "share_of_images", "representation", "design_effect", "note"),
    ),
    _table(
        "variation",
        "spread of the rates over the groups of one grouping",
        (*_SPECIFICATION, "by", "groups", "n", "lowest", "lowest_rate", "highest", "highest_rate",
         "sd_observed", "sd", "sd_low", "sd_high", "p", "note"),
    ),
    _table(
        "controlled",
        "one gap adjusted for what the probe controls for",
        (*_SPECIFICATION, ATTRIBUTES, "group", "by", "reference", "control", "strata", "n_group",
         "n_reference", "clusters_group", "clusters_reference", "share_compared", "raw_difference",
         *_INTERVALS, "standardised", "standardised_low",
         "standardised_high", "p", "p_adjusted", "design_effect", "note"),
    ),
    _table(
        "specifications",
        "one gap over all its specifications",
        ("probe", "outcome", "by", "group", "reference", "n_group", "n_reference", "specifications",
         "difference_median", "difference_min", "difference_max", "share_excludes_zero", "share_above",
         "variance_sampling", "variance_design", "variance_template", "variance_threshold",
         "variance_interaction", "curve_p", "curve_p_adjusted", "note"),
    ),
    _table(
        "prompt_effects",
        "one rate, or gap, over the prompt templates of one class design, rule and threshold",
        ("probe", "outcome", "design", "rule", "threshold", "by", "group",
         Column("reference", "str", "what the group is compared with; empty for a rate"),
         "n_group", "n_reference", "clusters_group", "clusters_reference", "prompts",
         Column("value", "float64", "mean over the prompts: of the rate, or of the difference of rates"),
         "sd_prompts", "images_low", "images_high", "prompt_low", "prompt_high",
         Column("df", "float64", "degrees of freedom of the interval for another prompt, or NaN"),
         "note"),
    ),
    _table(
        "paired",
        "what a second design or template changes for one group, image by image",
        (*_PAIR, "by", "group", "n",
         Column("clusters", "float64", "clusters of the group; NaN if outcomes of images were not kept"),
         *_JOINT, "rate_first", "rate_second", "change", "low", "high", "p",
         "p_adjusted", "design_effect", "omnibus_p", "note"),
    ),
    _table(
        "trends",
        "one rate along an attribute that has an order",
        (*_SPECIFICATION, "by", "scale", "levels", "n", "clusters", "count", "slope", "slope_low",
         "slope_high", "odds_ratio", "odds_ratio_low", "odds_ratio_high", "p",
         Column("p_adjusted", "float64", "p-value adjusted for all trends of the audit"), "curved_p", "note"),
    ),
    _table(
        "trend_curves",
        "one point of a smooth curve of a rate along an attribute that has an order",
        (*_SPECIFICATION, "by", "at", Column("rate", "float64", "rate of the smooth curve"), "low", "high"),
    ),
    _table(
        "findings",
        "one gap that survives the correction for all comparisons",
        ("id", *_SPECIFICATION, "by", "group", "reference", "difference", "low", "high", "selected_low",
         "selected_high", "n_group", "n_reference", "clusters_group", "clusters_reference",
         "p_adjusted", "holds_in", "specifications", "difference_min",
         "difference_max", "wrong_labels", "wrong_truths", "status", "confirmation_n_group",
         "confirmation_n_reference", "confirmation_clusters_group", "confirmation_clusters_reference",
         "confirmation_difference", "confirmation_low", "confirmation_high",
         "confirmation_p_adjusted", "sentence", "noise", "caution"),
    ),
    _table(
        "measures",
        "one number of a non-classification probe",
        (*_MEASURED, ATTRIBUTES, "n",
         Column("clusters", "int64", "independent units among the n: clusters of images, or sets"),
         "value", "low", "high", "p", "p_adjusted", "note"),
    ),
    _table(
        "annotators",
        "one group of an attribute with several annotators against all other images; there only if one has",
        ("probe", "outcome", "design", "template", "rule", "threshold", "by", "group",
         Column("n", "int64", "images with a label of some annotator"),
         Column("annotators", "int64", "annotators an image has at most"),
         Column("disagreement", "float64", "share of images on which annotators disagree"),
         Column("majority_difference", "float64", "difference of rates by the label that the audit uses"),
         Column("difference", "float64", "mean difference over imputed labels"), "low", "high",
         Column("share_of_variance", "float64", "part of the variance that is due to disagreement"), "note"),
    ),
    _table(
        "standard",
        "main metric of the same weights on one evaluation set; there only if clip-audit run --standard asks",
        ("evaluation_set", "evaluation_title", "evaluation_task", "metric",
         Column("value", "float64", "the metric"), "low", "high",
         Column("n", "int64", "images, or queries of a retrieval"), "chance_level"),
    ),
    _table(
        "gates",
        "one gate of the suite and what decided it",
        ("name", "probe", "outcome", "by", "metric", "margin", "verdict", "contrasts", "confidence",
         "design", "template", "rule", "threshold", "group", "reference", "n_group", "n_reference",
         "clusters_group",
         "clusters_reference", "value", "low", "high", "sentence"),
    ),
)  # fmt: skip
"""What an audit concludes: the tables of `AuditResult` that are not those of the records."""

RECORDS: Final = {one.name: one for one in RECORD_TABLES}
SCHEMAS: Final = RECORDS | {one.name: one for one in AUDIT_TABLES}
"""Name -> schema of every table in the folder of an audit; `curves` are the rates there."""

_ALL_TABLES: Final = (*RECORD_TABLES, *AUDIT_TABLES)
RESERVED: Final = frozenset({*COLUMNS, *(one.name for table in _ALL_TABLES for one in table.fixed)})
"""Names of the columns of every table."""
PREFIXES: Final = tuple(table.prefix for table in _ALL_TABLES if table.prefix)
ESCAPE: Final = "attribute: "
"""Precedes the name of a group attribute whose column would otherwise be called like one of the tables."""


def attribute_column(attribute: str) -> str:
    """The column of a group attribute in every table of a run: its name, or `ESCAPE` and its name.

    No two attributes share a column, and no attribute shares one with a table's own: a name that already
    has the escape before a reserved name is escaped once more. `attribute_of` is the way back.

    Examples
    --------
    >>> attribute_column("gender"), attribute_column("rate"), attribute_column("attribute: rate")
    ('gender', 'attribute: rate', 'attribute: attribute: rate')
    """
    return ESCAPE + attribute if _is_reserved(_bare(attribute)) else attribute


def attribute_of(column: str) -> str:
    """The group attribute of a column: what `attribute_column` was given."""
    return column.removeprefix(ESCAPE) if _is_reserved(_bare(column)) else column


def attributes_among(columns: Sequence[str]) -> list[str]:
    """The columns of a table that hold group attributes; the schemas list all others."""
    return [str(name) for name in columns if not _is_reserved(str(name))]


def _bare(name: str) -> str:
    while name.startswith(ESCAPE):
        name = name.removeprefix(ESCAPE)
    return name


def _is_reserved(name: str) -> bool:
    return name in RESERVED or name.startswith(PREFIXES)
