"""The closing summary in the terminal: one screen with the verdict, what was found, and where the rest is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from audit import formatting as fmt
from audit.commands.console.terminal import print_table
from audit.conclusions.overview import STATES, Cell, at_chance, strongest
from audit.report import components
from audit.report.section import ReportContext
from audit.report.sections.overview import standard_words
from audit.report.verdict_strip import verdict_of
from audit.result import AuditResult
from audit.result_files import REPORT_FILE
from clipmodel.plurals import number_of

FINDINGS_SHOWN: Final = 3
REASONS_SHOWN: Final = 2
VERDICT_STYLES: Final = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
ACCURACY_COLUMNS: Final = ("question", "n", "clusters", "accuracy", "95 % interval", "balanced")


def print_summary(
    result: AuditResult,
    console: Console,
    *,
    folder: Path | None = None,
    context: ReportContext | None = None,
) -> None:
    """Print the verdict, accuracy, the three strongest findings, what was left out and where the rest is.

    Parameters
    ----------
    folder
        Of the audit, for the closing lines; None leaves them out.
    context
        Of the report, if one was made: what it knows need not be worked out again.
    """
    context = context or ReportContext(result=result)
    data, suite = result.manifest["data"], result.manifest["suite"]
    console.print(f"\n[bold]{escape(suite.get('title') or suite['name'])}[/]", soft_wrap=True)
    model, n_images = result.manifest["model"]["name"], number_of(data.get("n_images"), "image")
    console.print(escape(f"model {model}, data {data['name']}, {n_images}"), soft_wrap=True)
    print_table(console, "Zero-shot accuracy", ACCURACY_COLUMNS, _accuracy(result), words={"question"})
    if words := standard_words(result.standard):
        console.print(escape(words), soft_wrap=True)
    for probe, value, level in at_chance(result):
        text = f"{probe['title']} is close to chance: {fmt.percent(value)}, guessing {fmt.percent(level)}"
        console.print(f"[yellow]{escape(text)}[/]", soft_wrap=True)
    _print_findings(context, console)
    _print_left_out(result, console)
    _print_verdict(result, console)
    if result.manifest.get("population"):
        console.print(escape(components.population(result.manifest)), soft_wrap=True)
    if caution := data.get("caution"):
        console.print(escape(f"Caution: {caution}"), soft_wrap=True)
    if folder is not None:
        console.print(f"\nReport: {folder / REPORT_FILE}", soft_wrap=True, markup=False)
        console.print(f"Tables: clip-audit show {folder}", soft_wrap=True, markup=False)


def summary_json(result: AuditResult, *, folder: Path) -> str:
    """Return what `print_summary` prints as JSON: verdict, gates, accuracy, strongest findings, files."""
    context = ReportContext(result=result)
    document: dict[str, Any] = {
        "verdict": result.verdict,
        "gates": result.gates[["name", "verdict", "sentence"]].to_dict("records"),
        "accuracy": dict(_overall_rates(result)),
        **({"standard": _standard(result)} if len(result.standard) else {}),
        "findings": len(result.findings),
        "specifications": result.n_specifications,
        "strongest": [_record(cell) for cell in strongest(context.cells, count=FINDINGS_SHOWN)],
        "report": str(folder / REPORT_FILE),
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _standard(result: AuditResult) -> dict[str, float]:
    names = result.standard["evaluation_set"] + ", " + result.standard["evaluation_task"]
    return dict(zip(names, result.standard["value"].astype(float), strict=True))


def _record(cell: Cell) -> dict[str, Any]:
    names = ("probe", "outcome", "by", "state", "worse", "better", "worse_rate", "better_rate", "worse_n",
             "better_n", "worse_clusters", "better_clusters",
             "difference", "low", "high", "holds_in", "specifications", "finding")  # fmt: skip
    return {name: getattr(cell, name) for name in names}


def _overall(result: AuditResult) -> Iterator[tuple[dict[str, Any], dict[Any, Any]]]:
    for probe in result.manifest["probes"]:
        primary = components.primary_specification(result.accuracy, probe=probe)
        if primary is not None:
            rows = components.of_specification(result.accuracy, primary)
            names = components.attribute_columns({"probes": [probe]})
            yield dict(probe), rows[(rows[names] == components.ALL).all(axis=1)].iloc[0].to_dict()


def _overall_rates(result: AuditResult) -> list[tuple[str, float]]:
    return [(probe["name"], float(row["rate"])) for probe, row in _overall(result)]


def _accuracy(result: AuditResult) -> Iterator[tuple[str, ...]]:
    for probe, row in _overall(result):
        interval = fmt.percent_interval(row["low"], row["high"])
        title = str(probe.get("title") or fmt.words(probe["name"]))
        sizes = fmt.integer(row["n"]), fmt.integer(row["clusters"])
        yield title, *sizes, fmt.percent(row["rate"]), interval, fmt.percent(row["balanced"])


def _print_findings(context: ReportContext, console: Console) -> None:
    result = context.result
    counted = f"{len(result.findings)}, over {number_of(result.n_specifications, 'specification')}"
    console.print(f"\n[bold]Findings after correction for multiplicity:[/] {counted}", soft_wrap=True)
    for cell in strongest(context.cells, count=FINDINGS_SHOWN):
        asked = context.titles[cell.probe, cell.outcome]
        told = (
            f"{asked}: {fmt.words(cell.worse)} {fmt.percent(cell.worse_rate)} against "
            f"{fmt.words(cell.better)} {fmt.percent(cell.better_rate)}, {fmt.points(cell.difference)} points "
            f"({fmt.points_interval(cell.low, cell.high)}), n "
            f"{fmt.counted(cell.worse_n, cell.worse_clusters)} against "
            f"{fmt.counted(cell.better_n, cell.better_clusters)}"
        )
        console.print(f"  {cell.finding or '–':>4}  {escape(told)}; {STATES[cell.state]}", highlight=False)


def _print_left_out(result: AuditResult, console: Console) -> None:
    totals = result.excluded.groupby("reason", sort=False)["n"].sum().sort_values(ascending=False)
    if not len(totals):
        console.print("\nLeft out: nothing", soft_wrap=True)
        return
    told = [f"{fmt.words(reason)} {fmt.integer(n)}" for reason, n in totals.head(REASONS_SHOWN).items()]
    more = len(totals) - len(told)
    told += [f"{more} more reasons"] if more > 0 else []
    console.print(escape(f"\nLeft out, summed over probes: {'; '.join(told)}"), soft_wrap=True)


def _print_verdict(result: AuditResult, console: Console) -> None:
    strip = verdict_of(result)
    console.print(f"\nVerdict: [{VERDICT_STYLES.get(result.verdict, 'bold')}]{result.verdict}[/]")
    for line in (*strip.reasons, strip.next_step):
        if line:
            console.print(f"  {escape(line)}", soft_wrap=True)
