"""The first screen: three sentences and one image of every question and grouping."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from audit import formatting as fmt
from audit.conclusions.confounding_sentences import data_caution
from audit.conclusions.overview import STATES, UNNAMED, Cell, at_chance, strongest
from audit.metric_words import metric_words
from audit.report import components
from audit.report.marks import interval_mark
from audit.report.section import ReportContext, Section
from audit.report.sections.measures import item_name, strongest_evidence, unit_of, value_text
from clipmodel.plurals import number_of

STATE_ICONS: Final = {
    "confirmed": "●", "not confirmed": "◌", "explored": "◆", "not shown": "○", "too few": "?",
}  # fmt: skip
STATE_WORDS: Final = {
    "confirmed": "confirmed", "not confirmed": "not confirmed", "explored": "explored",
    "not shown": "not shown", "too few": "too few",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Box:
    """One cell of the image."""

    href: str
    state: str
    icon: str
    state_words: str
    group: str
    size: str
    mark: Markup
    detail: str
    gate: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of the image: an outcome of a probe, its overall rate, and a box a grouping."""

    title: str
    outcome: str
    accuracy: str
    accuracy_label: str
    interval: str
    low_skill: str
    boxes: Sequence[Box | None]


@dataclass(frozen=True, kw_only=True)
class MeasureLine:
    """The strongest evidence of a probe that is no classification."""

    title: str
    text: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the first screen shows below the verdict."""

    sentences: Sequence[str]
    groupings: Sequence[str]
    lines: Sequence[Line]
    measures: Sequence[MeasureLine]
    states: Sequence[tuple[str, str, str]]
    axis: str
    has_gate: bool
    standard: str


def build(context: ReportContext) -> Overview:
    """Return the first screen of an audit."""
    cells = context.cells
    groupings = list(dict.fromkeys(cell.by for cell in sorted(cells, key=lambda cell: " x " in cell.by)))
    axis = _axis(cells)
    poor = {probe["name"]: level for probe, _, level in at_chance(context.result)}
    lines = []
    for probe in context.probes:
        for outcome in probe["outcomes"]:
            own = {c.by: c for c in cells if (c.probe, c.outcome) == (probe["name"], outcome["name"])}
            boxes = [_box(own[by], axis=axis, context=context) if by in own else None for by in groupings]
            lines.append(_line(probe, outcome, boxes, context=context, chance=poor.get(probe["name"])))
    present = {cell.state for cell in cells}
    return Overview(
        sentences=sentences(context),
        groupings=[fmt.words(by) for by in groupings],
        lines=lines,
        measures=_measures(context),
        states=[(STATE_ICONS[s], s, words) for s, words in STATES.items() if s in present],
        axis=f"{fmt.points(axis[0])} to {fmt.points(axis[1])}",
        has_gate=any(cell.margin is not None for cell in cells),
        standard=standard_words(context.result.standard),
    )


def standard_words(standard: pd.DataFrame) -> str:
    """Return the model's standard accuracy in a sentence; empty if the audit was not asked for it."""
    parts = []
    for row in standard.to_dict("records"):
        guess = "" if pd.isna(row["chance_level"]) else f", guessing {fmt.percent(row['chance_level'])}"
        interval = fmt.percent_interval(row["low"], row["high"])
        name = row["evaluation_title"]
        parts.append(
            f"{name} {fmt.percent(row['value'])} ({metric_words(str(row['metric']))}, {interval}{guess})"
        )
    return f"Standard accuracy of the same weights: {'; '.join(parts)}." if parts else ""


def _axis(cells: Sequence[Cell]) -> tuple[float, float]:
    ends = [end for cell in cells for end in (cell.low, cell.high, cell.margin or 0.0) if not math.isnan(end)]
    # At least 5 points, so that an audit without gaps does not magnify noise over the whole width.
    low, high = min([0.0, *ends]), max([0.05, *ends])
    # The gap is drawn as worse minus better, so it is the right side that matters; the left one is cut to the
    # same length.
    return max(low, -high), high


def _line(
    probe: Mapping[str, Any],
    outcome: Mapping[str, Any],
    boxes: Sequence[Box | None],
    *,
    context: ReportContext,
    chance: float | None,
) -> Line:
    result = context.result
    judged = outcome["kind"] == "misclassified"
    table = result.accuracy if judged else result.rates[result.rates["outcome"] == outcome["name"]]
    row = _overall(table, probe)
    return Line(
        title=probe["title"],
        outcome="" if judged else fmt.words(outcome["title"]),
        accuracy=fmt.percent(row["rate"]) if row else fmt.MISSING,
        accuracy_label="right" if judged else "of all images",
        interval=fmt.percent_interval(row["low"], row["high"]) if row else fmt.MISSING,
        low_skill="" if chance is None else f"close to chance ({fmt.percent(chance)})",
        boxes=boxes,
    )


def _overall(table: pd.DataFrame, probe: Mapping[str, Any]) -> dict[Any, Any] | None:
    primary = components.primary_specification(table, probe=probe)
    if primary is None:
        return None
    rows = components.of_specification(table, primary)
    names = components.attribute_columns({"probes": [probe]})
    return rows[(rows[names] == components.ALL).all(axis=1)].iloc[0].to_dict()


def _box(cell: Cell, *, axis: tuple[float, float], context: ReportContext) -> Box:
    filled = cell.state in ("confirmed", "explored")
    mark = interval_mark(cell.difference, cell.low, cell.high, axis=axis, filled=filled, margin=cell.margin)
    gate = "" if cell.verdict is None else f"gate ±{100 * (cell.margin or 0):.3g}: {cell.verdict}"
    counted = fmt.counted(cell.worse_n, cell.worse_clusters)
    unknown = cell.state == "too few" and math.isnan(cell.difference)
    return Box(
        href=_anchor(cell),
        state=cell.state.replace(" ", "-"),
        icon=STATE_ICONS[cell.state],
        state_words=STATE_WORDS[cell.state],
        group="–" if unknown else _side(cell.worse),
        size="" if unknown else fmt.points(cell.difference),
        mark=mark,
        detail=(
            "too few images" if unknown
            else f"{fmt.percent(cell.worse_rate)} vs {fmt.percent(cell.better_rate)}"
        ),
        gate=gate,
        label=f"{context.titles[cell.probe, cell.outcome]}, by {fmt.words(cell.by)}: {STATES[cell.state]}. "
        + ("" if unknown else f"{_told(cell)}; n {counted}; {_interval(cell)}"),
    )  # fmt: skip


def _anchor(cell: Cell) -> str:
    return cell.finding or components.slug("outcome", cell.probe, cell.outcome)


def _side(name: str) -> str:
    return "everyone else" if name in UNNAMED else fmt.words(name)


def _told(cell: Cell) -> str:
    rates = f"{fmt.percent(cell.worse_rate)} against {fmt.percent(cell.better_rate)}"
    return f"{_side(cell.worse)} {rates} of {_side(cell.better)}"


def _interval(cell: Cell) -> str:
    return f"difference {fmt.points(cell.difference)} points, {fmt.points_interval(cell.low, cell.high)}"


def _measures(context: ReportContext) -> list[MeasureLine]:
    measures = context.result.measures
    lines = []
    for probe in context.probes:
        rows = measures[(measures["probe"] == probe["name"]) & measures["value"].notna()]
        if not len(rows):
            continue
        row = strongest_evidence(rows).iloc[0].to_dict()
        attributes = components.attribute_columns({"probes": [probe]})
        p = "" if pd.isna(row["p_adjusted"]) else f", adjusted p {fmt.p_value(row['p_adjusted'])}"
        points = " points" if unit_of(str(row["metric"]), probe) == "points" else ""
        about = f"{fmt.words(row['metric'])}, {item_name(row, attributes)}: {value_text(row, probe)}{points}"
        text = f"{about} (n {fmt.integer(row['n'])}{p})"
        lines.append(
            MeasureLine(title=probe["title"], text=text, href=components.slug("measure", probe["name"]))
        )
    return lines


def sentences(context: ReportContext) -> list[str]:
    """Return three sentences or so in plain words: how good, who is worst off, what cannot be said."""
    return [_how_good(context), _worst_off(context), _not_said(context)]


def _how_good(context: ReportContext) -> str:
    model, data = context.result.manifest["model"]["name"], context.result.manifest["data"]
    asked = f"{len(context.probes)} question{'s' * (len(context.probes) != 1)}"
    start = f"{model} was asked {asked} about {number_of(data['n_images'], 'image')}"
    poor = at_chance(context.result)
    if poor:
        worst = "; ".join(
            f"{probe['title']} {fmt.percent(value)}, guessing {fmt.percent(level)}"
            for probe, value, level in poor
        )
        return (
            f"{start} and does little better than guessing ({worst}). Differences there show which answer "
            "it falls back on, not how well it recognises people."
        )
    overall = {probe["title"]: _overall(context.result.accuracy, probe) for probe in context.probes}
    rates = sorted((row["rate"], title) for title, row in overall.items() if row)
    if not rates:
        return f"{start}. No question has a right answer, so there is no accuracy to report."
    (low, easy_last), (high, easy) = rates[0], rates[-1]
    text = f"{fmt.percent(low)} of them ({easy_last})"
    if len(rates) > 1:
        text = f"{fmt.percent(low)} ({easy_last}) to {fmt.percent(high)} ({easy}) of them"
    return f"{start}. It is right for {text}."


def _worst_off(context: ReportContext) -> str:
    found = strongest(context.cells, count=1)
    if not found:
        return "No two groups could be compared."
    cell = found[0]
    what = context.titles[cell.probe, cell.outcome]
    if cell.state in ("not shown", "too few"):
        return (
            f"No difference between groups is shown. The widest seen is {what}: {_told(cell)} "
            f"(95\N{NO-BREAK SPACE}% interval {fmt.points_interval(cell.low, cell.high)} points)."
        )
    held = {
        "confirmed": "Confirmed on held-out images",
        "not confirmed": "Not confirmed on held-out images",
        "explored": "Not yet tested on new images",
    }[cell.state]
    seen = f"; found in {cell.holds_in} of {cell.specifications} specifications" * (cell.specifications > 1)
    return (
        f"Worst off: {_side(cell.worse)} ({what}), {fmt.percent(cell.worse_rate)} against "
        f"{fmt.percent(cell.better_rate)} for {_side(cell.better)}, {fmt.points(cell.difference)} points "
        f"(95\N{NO-BREAK SPACE}% interval {fmt.points_interval(cell.low, cell.high)}; "
        f"n {fmt.counted(cell.worse_n, cell.worse_clusters)}). {held}{seen}."
    )


def _not_said(context: ReportContext) -> str:
    shown = sum(cell.state in ("confirmed", "explored") for cell in context.cells)
    unclear = len(context.cells) - shown
    missed = context.result.gaps["smallest_detectable"].median()
    cells = number_of(len(context.cells), "cell")
    text = f"In {unclear} of {cells} below no difference is shown. That is not equality"
    if not pd.isna(missed):
        text += f": half of all comparisons could have missed {fmt.points(missed).lstrip('+')} points"
    caution = data_caution(context.result.manifest)
    population = components.population(context.result.manifest)
    return f"{text}. {population} {caution}".strip()


SECTION: Final = Section(
    id="summary", title="Overview", label="Overview", template="overview.html.j2", build=build, folded=False
)
