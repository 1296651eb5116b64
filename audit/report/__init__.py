"""The report: an `AuditResult` as one HTML file that asks no other place for anything."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import pandas as pd

from audit import formatting as fmt
from audit.conclusions.confounding_sentences import data_caution
from audit.report import components
from audit.report.html import fill_template, frames_as_json
from audit.report.sections import method
from audit.report.sections.accuracy import accuracy_section, overview
from audit.report.sections.changes import paired_section
from audit.report.sections.designs_and_thresholds import curves_section, designs_section
from audit.report.sections.findings import findings_section
from audit.report.sections.measures import measures_section
from audit.report.sections.other_group_tables import views_section
from audit.report.sections.published import published_section
from audit.report.sections.rates_and_gaps import SMALL_CELL, outcomes_section
from audit.report.sections.specification_curves import specifications_section
from audit.report.sections.verdict_and_summary import summary, verdict, worst_contrast
from audit.result import AuditResult
from audit.tables.published_figures import published_table

PAGE_TABLES = ("accuracy", "rates", "gaps", "findings", "excluded", "gates")
SENTENCES = ["sentence", "noise"]


def render_report(result: AuditResult, run_info: Mapping[str, Any] | None = None) -> str:
    """Return the report of an audit as one self-contained HTML page.

    Parameters
    ----------
    result
        The audit; every number on the page is one of its frames.
    run_info
        What run.json holds: command, started, seconds. None leaves them out of the method card.

    Returns
    -------
    str
        HTML. The same result and run_info give the same bytes.
    """
    return fill_template("report.html.j2", _page(result, run_info or {}), data=tables_as_json(result))


def tables_as_json(result: AuditResult) -> str:
    """Return the tables that the page carries: see `audit.report.html.frames_as_json`.

    They are `PAGE_TABLES`, without the sentences of the findings, which repeat other columns: the page is to
    stay small enough to mail, and audit.json has all.
    """
    return frames_as_json(
        {name: getattr(result, name).drop(columns=SENTENCES, errors="ignore") for name in PAGE_TABLES}
    )


def _page(result: AuditResult, run_info: Mapping[str, Any]) -> dict[str, Any]:
    manifest = result.manifest
    probes = manifest["probes"]
    curves, curve_table = curves_section(result.curves, probes=probes, thresholds=_thresholds(result.rates))
    content = {
        "accuracy": accuracy_section(result.accuracy, probes=probes),
        "accuracy_overview": overview(result.accuracy, probes=probes),
        "outcomes": outcomes_section(result.rates, result.gaps, probes=probes),
        "views": views_section(result, probes=probes),
        "specifications": specifications_section(result, probes=probes),
        "paired": paired_section(result.paired, probes=probes),
        "designs": designs_section(result.rates, probes=probes),
        "measures": measures_section(result.measures, probes=probes),
        "published": published_section(
            published_table(manifest, accuracy=result.accuracy, rates=result.rates), manifest=manifest
        ),
        "curves": curves,
        "curve_table": curve_table,
        "findings": findings_section(result),
        "exclusions": method.exclusions(result.excluded, manifest=manifest),
    }
    return {
        **content,
        **_heading(result, run_info),
        "contents": _contents(content),
        "summary": summary(result, probes=probes),
        "gates": _gates(result.gates),
        "probes": [method.question(probe) for probe in probes],
        "primary": _primary(result.rates, probes),
        "small": SMALL_CELL,
        "min_group": manifest["min_group"],
        "multiplicity": method.multiplicity(
            result.gaps, result.findings, n_specifications=result.n_specifications
        ),
        "limits": method.LIMITS,
        "card": method.card(manifest, {**run_info, "command": _command(run_info.get("command"))}),
        "code_terms": method.CODE_TERMS,
    }


def _heading(result: AuditResult, run_info: Mapping[str, Any]) -> dict[str, Any]:
    manifest = result.manifest
    return {
        "title": manifest["suite"]["title"],
        "suite": manifest["suite"],
        "model": manifest["model"],
        "data": {**manifest["data"], "caution": data_caution(manifest)},
        "n_images": fmt.integer(manifest["data"]["n_images"]),
        "versions": manifest["versions"],
        "run": {"started": _started(run_info.get("started"))},
        "verdict": verdict(result.verdict),
        "worst": worst_contrast(result, probes=manifest["probes"]),
    }


def _started(iso: str | None) -> str:
    return (iso or "").replace("T", " ").replace("+00:00", " UTC")


def _contents(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    entries = [
        ("summary", "Summary", True),
        ("questions", "What was asked", True),
        ("published", "Beside published figures", content["published"]),
        ("accuracy", "Accuracy", content["accuracy"]),
        ("outcomes", "Rates and differences", True),
        ("views", "Other views of groups", content["views"]),
        ("specifications", "Ways of asking", content["specifications"]),
        ("paired", "Paired changes", content["paired"]),
        ("designs", "Class designs", content["designs"]),
        ("thresholds", "Thresholds", content["curves"]),
        ("measures", "Other measures", content["measures"]),
        ("findings", "Findings", True),
        ("exclusions", "Left out", True),
        ("reading", "How to read this", True),
        ("limits", "What not to claim", True),
        ("method", "Method card", True),
    ]
    return [(anchor, label) for anchor, label, shown in entries if shown]


def _primary(rates: pd.DataFrame, probes: list[dict[str, Any]]) -> str:
    found = [components.primary_specification(rates, probe=probe) for probe in probes]
    asked = list(dict.fromkeys(components.asking(one) for one in found if one is not None))
    first = "the first class design and template of every probe, by its highest-scoring class"
    return f"{first} ({'; '.join(asked)})."


def _thresholds(rates: pd.DataFrame) -> dict[str, list[float]]:
    used = rates[rates["rule"] == "probability"]
    return {str(probe): sorted(set(own["threshold"])) for probe, own in used.groupby("probe")}


def _gates(gates: pd.DataFrame) -> components.Table | None:
    if not len(gates):
        return None
    rows = [
        [gate["name"], gate["verdict"], fmt.points(gate["margin"]).lstrip("+"),
         fmt.integer(gate["contrasts"]), gate["sentence"]]
        for gate in gates.to_dict("records")
    ]  # fmt: skip
    columns = [
        *components.text_columns("Gate", "Verdict"),
        *components.number_columns("Margin, points", "Contrasts"),
        *components.text_columns("Why"),
    ]
    return components.Table(caption="The gates of the suite", columns=columns, rows=rows)


def _command(command: str | list[str] | None) -> str | None:
    return shlex.join(command) if isinstance(command, list) else command
