"""The section on findings: one table to sort and filter, each row opening to its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from audit import formatting as fmt
from audit.conclusions.confirmation import CONFIRMED, EXPLORED, NOT_CONFIRMED, NOT_TESTED
from audit.conclusions.findings import holds
from audit.report import components
from audit.report.marks import curve_mark, interval_mark, share_mark
from audit.report.section import ReportContext, Section
from audit.result import AuditResult
from audit.tables.specification_curves import GAP
from clipmodel.plurals import number_of
from probes.rules.rule_registry import CURVE

CHANGES_TOLD: Final = 4
"""Class designs or templates whose paired change a finding's evidence tells; the table has all."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A finding: what the table shows, the numbers it sorts by, and its evidence."""

    id: str
    status: str
    state: str
    asked: str
    probe: str
    group: str
    reference: str
    by: str
    difference: str
    difference_value: float
    interval: str
    mark: Markup
    n: str
    n_value: int
    p: str
    p_value: float
    share: str
    share_value: float
    share_mark: Markup
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What supports a finding, and what could explain it otherwise."""

    sentence: str
    curve: Markup
    facts: Sequence[tuple[str, str]]
    links: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The table of findings and what stands above it."""

    lead: str
    confirmation: str
    usual_caution: str
    rows: Sequence[Row]
    probes: Sequence[tuple[str, str]]
    groupings: Sequence[tuple[str, str]]
    states: Sequence[str]


def build(context: ReportContext) -> Findings:
    """Return the findings about people first, the widest first, then those about attributes of the image."""
    findings = context.result.findings
    ordered = findings
    if len(findings):
        people = components.of_people(findings, context.result.manifest)
        ordered = pd.concat([findings[people], findings[~people]])
    usual = _usual(ordered["caution"])
    # All marks share one axis and it includes 0: lengths can be compared from row to row.
    ends = [*findings["low"].tolist(), *findings["high"].tolist(), 0.0]
    axis = min(ends), max(ends)
    source = _Sources(context)
    rows = [_row(row, axis=axis, usual=usual, source=source) for row in ordered.to_dict("records")]
    return Findings(
        lead=_lead(context.result),
        confirmation=_confirmation_words(context.result),
        usual_caution=usual,
        rows=rows,
        probes=_choices((row.probe, row.asked.partition(",")[0]) for row in rows),
        groupings=_choices((row.by, row.by) for row in rows),
        states=list(dict.fromkeys(row.status for row in rows)),
    )


def _choices(pairs: Any) -> list[tuple[str, str]]:
    return list(dict(pairs).items())


class _Sources:
    """The tables that evidence is taken from, divided by contrast once."""

    def __init__(self, context: ReportContext) -> None:
        result = context.result
        self.context = context
        # Only the gaps of findings: a table of all gaps would be divided for nothing.
        wanted = pd.MultiIndex.from_frame(result.findings[list(GAP)])
        gaps = result.gaps
        own = gaps[pd.MultiIndex.from_frame(gaps[list(GAP)]).isin(wanted)]
        own = own.assign(_holds=holds(own))
        self.gaps = dict(list(own.groupby(list(GAP), sort=False)))
        self.paired = dict(list(result.paired.groupby(["probe", "outcome", "by", "group"], sort=False)))
        self.controlled = dict(list(result.controlled.groupby(list(GAP), sort=False)))


def _row(row: Mapping[Any, Any], *, axis: tuple[float, float], usual: str, source: _Sources) -> Row:
    clusters = _clusters(row)
    share = row["holds_in"] / row["specifications"] if row["specifications"] else float("nan")
    return Row(
        id=str(row["id"]),
        status=str(row["status"]),
        state=str(row["status"]).replace(" ", "-"),
        asked=source.context.titles[row["probe"], row["outcome"]],
        probe=str(row["probe"]),
        group=fmt.words(row["group"]),
        reference=fmt.words(row["reference"]),
        by=fmt.words(row["by"]),
        difference=fmt.points(row["difference"]),
        difference_value=float(row["difference"]),
        interval=fmt.points_interval(row["low"], row["high"]),
        mark=interval_mark(row["difference"], row["low"], row["high"], axis=axis, filled=True),
        n=f"{fmt.integer(row['n_group'])} / {fmt.integer(row['n_reference'])}{clusters}",
        n_value=int(row["n_group"]),
        p=fmt.p_value(row["p_adjusted"]),
        p_value=float(row["p_adjusted"]),
        share=f"{row['holds_in']} of {row['specifications']}",
        share_value=share,
        share_mark=share_mark(share),
        evidence=_evidence(row, usual=usual, source=source),
    )


def _clusters(row: Mapping[Any, Any]) -> str:
    names = ("clusters_group", "clusters_reference")
    if any(name not in row or pd.isna(row[name]) for name in names):
        return ""
    return f" ({' / '.join(fmt.integer(row[name]) for name in names)} clusters)"


def _evidence(row: Mapping[Any, Any], *, usual: str, source: _Sources) -> Evidence:
    key = tuple(row[name] for name in GAP)
    own = source.gaps[key]
    facts = [
        ("Specification", components.asking(row)),
        ("All specifications", f"{fmt.points_interval(row['difference_min'], row['difference_max'])} points"),
        ("Held-out images", _status_words(row)),
        ("Class design, template", _changes(row, source)),
        ("Confounding", _stratified(key, source)),
        ("Label noise", str(row["noise"])),
        ("Allowing for selection", _selected(row)),
        ("Driven by", _driven_by(own)),
        ("Caution", _beyond(str(row["caution"]), usual)),
    ]
    outcome = components.slug("outcome", row["probe"], row["outcome"])
    links = [
        (f"#{outcome}", "rates of every group"),
        (f"#{components.slug('prompts', row['probe'])}", "exact prompts"),
        (f"#{explorer_link(row)}", "explore thresholds and specifications"),
    ]
    curve = curve_mark(own["difference"].tolist(), own["_holds"].tolist()) if len(own) > 1 else Markup("")
    return Evidence(
        sentence=str(row["sentence"]),
        curve=curve,
        facts=[(term, text) for term, text in facts if text],
        links=links,
    )


def explorer_link(row: Mapping[Any, Any]) -> str:
    """Return the anchor that opens the explorer on a contrast; see `explorer.js`."""
    from urllib.parse import urlencode

    view = {
        "probe": row["probe"], "outcome": row["outcome"], "design": row["design"],
        "template": row["template"], "by": row["by"], "group": row["group"],
    }  # fmt: skip
    if row["rule"] == CURVE.name:
        view["threshold"] = f"{row['threshold']:g}"
    return f"explore?{urlencode(view)}"


def _changes(row: Mapping[Any, Any], source: _Sources) -> str:
    """What another class design or template changes for the group, image by image."""
    found = source.paired.get((row["probe"], row["outcome"], row["by"], row["group"]))
    if found is None:
        return ""
    told = []
    for change in found[found["rule"] == row["rule"]].head(CHANGES_TOLD).to_dict("records"):
        other = [
            fmt.words(change[f"other_{name}"]) for name in ("design", "template")
            if change[name] != change[f"other_{name}"]
        ]  # fmt: skip
        told.append(
            f"with {', '.join(other)}, the group’s rate changes by {fmt.points(change['change'])} points "
            f"({fmt.points_interval(change['low'], change['high'])})"
        )
    return "; ".join(told)


def _stratified(key: tuple[Any, ...], source: _Sources) -> str:
    found = source.controlled.get(key)
    if found is None:
        return ""
    rows = found.drop_duplicates("control").to_dict("records")
    return "; ".join(
        f"stratified by {fmt.words(one['control'])}, {fmt.points(one['difference'])} points "
        f"({fmt.points_interval(one['difference_low'], one['difference_high'])})"
        for one in rows
    )


def _selected(row: Mapping[Any, Any]) -> str:
    """The interval that allows for the finding having been selected from all contrasts."""
    if "selected_low" not in row or pd.isna(row["selected_low"]):
        return ""
    return (
        f"{fmt.points_interval(row['selected_low'], row['selected_high'])} points (false coverage rate 5 %)"
    )


def _driven_by(gaps: pd.DataFrame) -> str:
    values = gaps["driven_by"].dropna().unique().tolist() if "driven_by" in gaps else []
    return "; ".join(fmt.words(value) for value in values if value)


def _lead(result: AuditResult) -> str:
    count = number_of(result.n_specifications, "specification")
    lead = (
        "A finding is a difference between groups that remains after the correction for everything that the "
        f"audit compared, in at least one of {count}."
    )
    n = len(result.findings)
    if not n:
        nothing = "There is none here. That is no proof of equality: see the smallest detectable differences."
        return f"{lead} {nothing}"
    return f"{lead} Open a row for its evidence."


def _confirmation_words(result: AuditResult) -> str:
    """Which findings are explored and which are confirmed."""
    split, status = result.manifest.get("confirmation"), result.findings["status"]
    if not split:
        return (
            "All findings are explored: the suite holds out no images to confirm them (“confirmation”). "
            "Read them as questions to ask of new images."
        )
    part = (
        f"{fmt.words(split['attribute'])} {fmt.words(' or '.join(split['values']))}"
        if split["attribute"]
        else f"a share of {fmt.percent(split['share'])}, drawn by cluster"
    )
    return (
        f"{fmt.integer(split['n_images'])} images ({part}) were held out and are in no other number of "
        f"this report. Each finding was tested on them once, in its own specification: "
        f"{(status == CONFIRMED).sum()} of {len(status)} are confirmed, {(status == NOT_CONFIRMED).sum()} "
        f"are not, {(status == NOT_TESTED).sum()} could not be tested."
    )


def _usual(cautions: pd.Series) -> str:
    """The sentences that most of the findings share."""
    if not len(cautions):
        return ""
    # Told once above the table instead of in every row.
    common = cautions.mode().iloc[0]
    return str(common) if (cautions == common).sum() > 1 else ""


def _beyond(caution: str, usual: str) -> str:
    """What a caution says that the usual one does not."""
    return "" if caution == usual else caution.replace(usual, "").strip() if usual else caution


def _held_out(row: Mapping[Any, Any], side: str) -> str:
    return fmt.counted(row[f"confirmation_n_{side}"], row.get(f"confirmation_clusters_{side}"))


def _status_words(row: Mapping[Any, Any]) -> str:
    """The status of a finding and the numbers behind it."""
    status = {EXPLORED: "not tested: the suite holds out no images",
              NOT_TESTED: "not tested: too few images were held out"}  # fmt: skip
    if row["status"] in status:
        return status[row["status"]]
    interval = fmt.points_interval(row["confirmation_low"], row["confirmation_high"])
    difference = fmt.points(row["confirmation_difference"])
    return (
        f"{row['status']}: {difference} points ({interval}; n {_held_out(row, 'group')} "
        f"against {_held_out(row, 'reference')}; adjusted p "
        f"{fmt.p_value(row['confirmation_p_adjusted'])})"
    )


SECTION: Final = Section(
    id="findings", title="Findings", label="Findings", template="findings.html.j2", build=build, folded=False
)
