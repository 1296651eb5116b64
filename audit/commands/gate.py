"""`clip-audit gate`: the gates of a suite, judged on an audit, as an exit code and JUnit XML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.commands.console import terminal
from clipmodel.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

# 2 is left to mistakes of the user, so that a pipeline can tell a failed gate from a broken command.
EXIT_CODES = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
EPILOG = (
    "Examples:  clip-audit gate runs/mine --junit gates.xml  ·  clip-audit gate runs/mine --suite gates.yaml"
)
COLUMNS = ("gate", "verdict", "contrasts", "margin", "most extreme contrast", "interval")


def gate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that clip-audit run wrote.")],
    *,
    suite: Annotated[
        Path | None,
        typer.Option(help="A suite, or a file with 'gates:' alone.", show_default="the suite of the audit"),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
) -> None:
    """Judge the gates: exit code 0 for PASS, 1 for FAIL, 3 for INCONCLUSIVE, 2 where nothing can be judged.

    Nothing is asked of a model: the audit in the folder is enough.
    """
    from audit.conclusions.gates import overall_verdict
    from audit.conclusions.junit import junit_xml
    from audit.result import AuditResult

    result = AuditResult.read(folder)
    gates = result.gates if suite is None else result.judge(_read_gates(suite, result.manifest))
    if not len(gates):
        raise UserError(
            f"{folder}: the suite {result.manifest['suite']['name']!r} has no gates",
            remedy="add 'gates:' to the suite and run it again, or name a file of gates with --suite",
        )
    if junit is not None:
        _write(junit, junit_xml(gates, suite=result.manifest["suite"]["name"]))
    verdict = overall_verdict(gates)
    print_gates(gates, verdict, terminal.out())
    raise typer.Exit(EXIT_CODES[verdict])


def print_gates(gates: pd.DataFrame, verdict: str, console: Console) -> None:
    """Print a table of gates, the sentence of each that does not pass, and the verdict."""
    from rich.markup import escape

    from audit.commands.console.run_summary import VERDICT_STYLES
    from audit.conclusions.gates import METRICS
    from audit.conclusions.verdict import PASS
    from audit.json_tables import table_rows

    rows = table_rows(gates)
    terminal.print_table(
        console, "Gates", COLUMNS, [_row(row, METRICS[row["metric"]]) for row in rows],
        words={"gate", "verdict", "most extreme contrast"},
    )  # fmt: skip
    for row in rows:
        if row["verdict"] != PASS:
            console.print(escape(f"\n{row['name']}: {row['sentence']}"), soft_wrap=True)
    console.print(f"\nVerdict: [{VERDICT_STYLES.get(verdict, 'bold')}]{verdict}[/]")


def _row(row: Mapping[str, Any], metric: Any) -> tuple[str, ...]:
    from audit import formatting as fmt

    against = f" against {fmt.words(row['reference'])}" if row["reference"] else ""
    furthest = f"{fmt.words(row['group'])}{against}, {metric.value(row['value'])}" if row["group"] else ""
    return (
        row["name"], row["verdict"], fmt.integer(row["contrasts"]), metric.kept(row["margin"]), furthest,
        metric.interval(row["low"], row["high"]),
    )  # fmt: skip


def _read_gates(path: Path, manifest: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The gates of a suite or of a file of gates, checked against what the audit asked."""
    from clipmodel.yaml_documents import read_document
    from clipmodel.yaml_models import read_yaml_model
    from probes.suite.gate_limits import GateFile
    from probes.suite.suite import load_suite

    try:
        document = read_document(path).values if path.is_file() else None
    except (OSError, UserError):
        document = None  # reading it as a suite says what is wrong, and where
    alone = isinstance(document, dict) and set(document) == {"gates"}
    read = read_yaml_model(path, GateFile, what="file of gates", shipped=[]) if alone else load_suite(path)
    gates = [one.model_dump() for one in read.gates]
    for one in gates:
        _check(one, manifest, path)
    return gates


def _check(gate: Mapping[str, Any], manifest: Mapping[str, Any], path: Path) -> None:
    """Refuse a gate on something that the audit did not ask.

    Raises
    ------
    UserError
        Names the gate and what the audit has instead.
    """
    probes = {probe["name"]: probe for probe in manifest["probes"]}
    place = f"{path}: gate {gate['name']!r}"
    _known(gate["probe"], list(probes), f"{place}: the audit has no probe")
    probe = probes[gate["probe"]]
    if gate["outcome"]:
        outcomes = [outcome["name"] for outcome in probe["outcomes"]]
        _known(gate["outcome"], outcomes, f"{place}: the probe has no outcome")
    elif not probe.get("truth"):
        raise UserError(f"{place}: the probe has no truth, so no accuracy", remedy="take the metric 'rate'")
    if gate["groups"] and list(gate["groups"]) not in [list(spec) for spec in probe["groups"]]:
        known = ", ".join(str(list(spec)) for spec in probe["groups"])
        raise UserError(f"{place}: the probe was not split by {gate['groups']}", remedy=f"one of: {known}")
    for name in gate["designs"]:
        _known(name, [design["name"] for design in probe["designs"]], f"{place}: the probe has no design")
    for name in gate["templates"]:
        _known(name, list(probe["templates"]), f"{place}: the probe has no template")


def _known(name: str, known: Sequence[str], problem: str) -> None:
    from clipmodel.yaml_models import closest

    if name not in known:
        raise UserError(f"{problem} {name!r}", remedy=closest(name, known))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy="choose another file with --junit") from error
