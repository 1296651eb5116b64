"""The section on probes that are no classification: a figure and a table a probe, its rules beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.figures import MeasureUnit, measure_forest
from audit.report import components
from probes.metrics.ranking import REFERENCES, TIE_RULES, ZERO_RULES

ROWS_DRAWN, ROWS_LISTED = 16, 150
ROWS_IN_ORDER = 28  # drawn of a probe without p-values, whose rows stay in order
CORRECTIONS: Final = {
    "max_t": "max-T, which holds the chance of any false alarm",
    "bh": "Benjamini-Hochberg, which holds the share of false alarms",
}
MEANINGS: Final = {
    "association": "How much nearer a word lies to the images of a group than to others, in standard "
    "deviations of its similarities. Zero is no difference.",
    "ranking": "The share of each group among the K images nearest to a query. MaxSkew, MinSkew, NDKL and "
    "the entropy are not zero or one by chance, so the table gives what chance alone would.",
    "counterfactual": "The share of pairs, within a set of pictures that differ in one attribute only, "
    "whose prediction differs too. Intervals are over sets.",
    "markedness": "The share of images that lie nearer to the bare prompt than to any prompt that names a "
    "group. A group with a large share is what the model takes people to be unless told otherwise.",
    "pronouns": "How often the caption with the pronoun of the person shown is preferred.",
    "group_accuracy": "How often the right class is among the K nearest, by group, and the group that "
    "fares worst.",
    "picture_size": "Accuracy on the same pictures made coarser before the model sees them.",
    "conditionals": "How often an outcome meets a group, and which share of the outcome is that group’s: two "
    "numbers that are not each other.",
    "association_bias": "How differently classes are given to two groups: the mean, over classes, of the "
    "absolute difference of their shares, beside what chance alone would give, and each class’s own.",
}  # fmt: skip
_DRAWN: Final[Mapping[str, Callable[[str], bool]]] = {
    "association": lambda metric: True,
    "ranking": lambda metric: metric.startswith("share@"),
    "counterfactual": lambda metric: metric == "flip rate",
    "markedness": lambda metric: True,
    "pronouns": lambda metric: metric == "resolution accuracy",
    "group_accuracy": lambda metric: metric.startswith("top-"),
    "picture_size": lambda metric: True,
    "conditionals": lambda metric: True,
    "association_bias": lambda metric: metric == "difference by class",
}
_EFFECTS: Final = (
    "C-ASC",
    "SC-WEAT d",
    "WEAT d",
    "MaxSkew",
    "MinSkew",
    "NDKL",
    "Bias@",
    "normalised entropy",
)
_POINTS: Final = ("turns", "association bias", "difference by class")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One probe: what it measures, by which rules, its drawing and its table."""

    id: str
    title: str
    question: str
    meaning: str
    rules: str
    figure: components.Drawing | None
    table: components.Table
    more: str


def measures_section(measures: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> list[Measured]:
    """Return one part for every probe that has measures."""
    found = [(probe, measures[measures["probe"] == probe["name"]]) for probe in probes]
    return [_part(rows, probe=probe) for probe, rows in found if len(rows)]


def _part(rows: pd.DataFrame, *, probe: Mapping[str, Any]) -> Measured:
    identity = components.slug("measure", probe["name"])
    attributes = components.attribute_columns({"probes": [probe]})
    listed = most_telling(rows).head(ROWS_LISTED) if len(rows) > ROWS_LISTED else rows
    more = f"The {len(listed)} most telling of {len(rows):,} rows; measures.csv beside this page has all."
    return Measured(
        id=identity,
        title=probe["title"],
        question=probe["question"],
        meaning=MEANINGS.get(probe["kind"], ""),
        rules=rules(probe),
        figure=_figure(rows, probe=probe, identity=identity, attributes=attributes),
        table=_table(listed, caption=probe["title"], attributes=attributes),
        more=more if len(listed) < len(rows) else "",
    )


def rules(probe: Mapping[str, Any]) -> str:
    """Return the rules that a measure depends on, in words."""
    settings = probe.get("settings", {})
    kind = probe["kind"]
    if kind == "association":
        shuffled = f"{settings['permutations']:,} permutations of the images, by cluster where they have one"
        if settings["test"] == "weat":
            return f"p is one-sided, over all splits of the images if at most 10,000, otherwise {shuffled}."
        correction = CORRECTIONS[settings["correction"]]
        return f"Correction: {correction}, over all words and groups; p from {shuffled}."
    if kind == "association_bias":
        ((attribute, pair),) = settings["contrast"].items()
        shuffled = f"{settings['permutations']:,} permutations of the images, by cluster where they have one"
        return (
            f"{fmt.words(attribute)}: {pair[0]} less {pair[1]}. Correction: "
            f"{CORRECTIONS[settings['correction']]}, over the classes; p from {shuffled}."
        )
    if kind == "ranking":
        return (
            f"Reference of the skew: {REFERENCES[settings['reference']]}. Zero rule: "
            f"{ZERO_RULES[settings['zero_rule']]}. Ties: {TIE_RULES[settings['tie_rule']]}. K equal to the "
            "number of images is a constant of the data and gets no number. p: Benjamini-Hochberg over the "
            "queries of a measure, beside chance that keeps clusters of images whole."
        )
    if kind == "counterfactual":
        same = ", ".join(map(fmt.words, settings["same"])) or "the clusters of the data"
        return f"What changes: {fmt.words(settings['attribute'])}. A set is equal in: {same}."
    if kind == "group_accuracy" and settings["buckets"]:
        cut = [f"{name} at {', '.join(f'{c:g}' for c in cuts)}" for name, cuts in settings["buckets"].items()]
        return f"Cut points: {'; '.join(cut)}."
    return ""


def unit_of(metric: str) -> MeasureUnit:
    """What the numbers of a measure are: shares of images, differences of shares, or effects."""
    if metric.startswith(_EFFECTS):
        return "effect"
    return "points" if metric.startswith(_POINTS) else "share"


def most_telling(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows in the order a reader wants them: by adjusted p, then by size; as they are without p."""
    if rows["p_adjusted"].isna().all():
        return rows
    order = rows.assign(_p=rows["p_adjusted"].fillna(2), _size=-rows["value"].abs())
    return rows.loc[order.sort_values(["_p", "_size"], kind="stable").index]


def item_name(row: Mapping[Any, Any], attributes: Sequence[str]) -> str:
    """Return what a row is about in words: "judge: woman"."""
    group = components.group_name(row, attributes)
    item = fmt.words(row["item"])
    return group if not item else item if group == "all images" else f"{item}: {group}"


def value_text(row: Mapping[Any, Any]) -> str:
    """Return the value of a row as its kind of number is written."""
    if pd.isna(row["value"]):
        return fmt.MISSING
    unit = unit_of(str(row["metric"]))
    if unit == "effect":
        return f"{row['value']:.2f}".replace("-", fmt.MINUS)
    return fmt.points(row["value"]) if unit == "points" else fmt.percent(row["value"])


def interval_text(row: Mapping[Any, Any]) -> str:
    """Return the interval of a row likewise."""
    if pd.isna(row["low"]):
        return fmt.MISSING
    unit = unit_of(str(row["metric"]))
    if unit == "effect":
        return f"{row['low']:.2f} to {row['high']:.2f}".replace("-", fmt.MINUS)
    if unit == "points":
        return fmt.points_interval(row["low"], row["high"])
    return fmt.percent_interval(row["low"], row["high"])


def _figure(
    rows: pd.DataFrame, *, probe: Mapping[str, Any], identity: str, attributes: Sequence[str]
) -> components.Drawing | None:
    wanted = rows[rows["metric"].map(_DRAWN[probe["kind"]]) & rows["value"].notna()]
    if wanted.empty:
        return None
    template = wanted["template"].iloc[0]
    wanted = wanted[wanted["template"] == template]
    tested = wanted["p_adjusted"].notna().any()
    most = ROWS_DRAWN if tested else ROWS_IN_ORDER
    cut = f" The {most} most telling." if tested else f" The first {most}."
    cut = cut if len(wanted) > most else ""
    wanted = most_telling(wanted).head(most) if cut else wanted
    unit = unit_of(str(wanted["metric"].iloc[0]))
    if unit != "share" or probe["kind"] == "ranking":
        wanted = wanted.sort_values("value", ascending=False, kind="stable")
    labels = [item_name(row, attributes) for row in wanted.to_dict("records")]
    svg = measure_forest(wanted.assign(label=labels), name=f"fig-{identity}", title=probe["title"], unit=unit)
    shown = f" ({fmt.words(template)})" if template else ""
    return components.Drawing(svg=svg, caption=f"{probe['title']}{shown}.{cut}", table=identity)


def _table(rows: pd.DataFrame, *, caption: str, attributes: Sequence[str]) -> components.Table:
    cells = [
        [
            item_name(row, attributes),
            fmt.words(row["metric"]),
            fmt.words(row["design"]),
            fmt.words(row["template"]),
            fmt.integer(row["n"]),
            value_text(row),
            interval_text(row),
            fmt.p_value(row["p_adjusted"]),
            row["note"],
        ]
        for row in rows.to_dict("records")
    ]
    columns = [
        *components.text_columns("About", "Measure", "Words", "Template"),
        *components.number_columns("n", "Value", "95 % interval", "Adjusted p"),
        *components.text_columns("Note"),
    ]
    return components.Table(caption=caption, columns=columns, rows=cells)
