"""One walk over all numbers: JSON, tables, report, terminal, gate and JUnit XML never disagree."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import re
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from audit import formatting as fmt
from audit.cli import app
from audit.commands.console.run_summary import print_summary
from audit.report import render_report
from audit.result import AuditResult
from audit.result_files import JSON_TABLES
from tests.audit.support.invented_audit import invented_records

GATES = [
    {"name": "tones", "probe": "occupation", "outcome": "misclassified", "groups": ["skin_tone"],
     "metric": "difference", "margin": 0.1},
    {"name": "fifths", "probe": "denigration", "outcome": "crime", "groups": ["gender"], "metric": "ratio",
     "margin": 0.8},
    {"name": "worst", "probe": "occupation", "outcome": "", "groups": ["skin_tone"], "metric": "accuracy",
     "margin": 0.5},
    {"name": "ceiling", "probe": "denigration", "outcome": "harm", "groups": [], "metric": "rate",
     "margin": 0.9},
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Everything:
    """An audit, and all that is said of it."""

    result: AuditResult
    folder: Path
    html: str
    cells: list[list[str]]
    terminal: str


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    records = invented_records()
    records = dataclasses.replace(records, manifest=records.manifest | {"gates": GATES})
    result = AuditResult.from_records(records)
    folder = result.write(tmp_path_factory.mktemp("audit") / "run", report=render_report)
    html = (folder / "report.html").read_text(encoding="utf-8")
    console = Console(file=io.StringIO(), width=250)
    print_summary(result, console)
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.S)
    cells = [
        [
            unescape(re.sub(r"<[^>]+>", "", c)).strip()
            for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        ]
        for row in rows
    ]
    return Everything(result, folder, html, cells, console.file.getvalue())  # type: ignore[attr-defined]


def same(first: Any, second: Any) -> bool:
    both = [None if isinstance(v, float) and math.isnan(v) else v for v in (first, second)]
    if isinstance(both[0], float) and isinstance(both[1], float):
        return math.isclose(*both, rel_tol=1e-12)
    return bool(both[0] == both[1])


@pytest.mark.parametrize("name", JSON_TABLES)
def test_every_cell_of_every_table_is_that_of_the_json(everything: Everything, name: str) -> None:
    rows = json.loads((everything.folder / "audit.json").read_text())[name]
    frame = getattr(everything.result, name)
    stored = pd.read_parquet(everything.folder / f"{name}.parquet")
    text = pd.read_csv(everything.folder / f"{name}.csv", keep_default_na=False, dtype="str")
    assert len(rows) == len(frame) == len(stored) == len(text)
    for column in frame.columns:
        for row, value, other, written in zip(rows, frame[column], stored[column], text[column], strict=True):
            assert same(row[column], value), (name, column)
            assert same(value, other), (name, column)
            number = isinstance(value, float) and not math.isnan(value)
            assert float(written) == value if number else written == ("" if same(value, None) else str(value))


def test_the_gaps_rest_on_the_rates(everything: Everything) -> None:
    rates, gaps = everything.result.rates, everything.result.gaps
    keys = ["probe", "design", "template", "rule", "threshold", "outcome", "split", "skin_tone", "gender"]
    joined = gaps.merge(rates, on=keys, suffixes=("_gap", ""))
    assert len(joined) == len(gaps)
    assert (joined["n_group"] == joined["n"]).all()
    defined = joined[joined["rate_group"].notna()]
    assert (defined["rate_group"] - defined["rate"]).abs().max() < 1e-12
    assert (defined["rate_group"] - defined["rate_reference"] - defined["difference"]).abs().max() < 1e-12


def test_the_findings_are_gaps_and_the_sentences_say_their_numbers(everything: Everything) -> None:
    gaps = everything.result.gaps
    keys = ["probe", "design", "template", "rule", "threshold", "outcome", "by", "group", "reference"]
    for found in everything.result.findings.to_dict("records"):
        own = gaps[[all(same(row[k], found[k]) for k in keys) for row in gaps[keys].to_dict("records")]]
        gap = own.iloc[0]
        assert len(own) == 1
        assert found["difference"] == gap["difference"]
        assert (found["low"], found["high"]) == (gap["difference_low"], gap["difference_high"])
        for text in (
            fmt.points(gap["difference"]), fmt.points_interval(gap["difference_low"], gap["difference_high"]),
            fmt.percent(gap["rate_group"]), fmt.percent(gap["rate_reference"]), fmt.integer(gap["n_group"]),
        ):  # fmt: skip
            assert text in found["sentence"]


def test_the_report_prints_the_findings_and_gaps_of_the_json(everything: Everything) -> None:
    by_id = {row[0]: row for row in everything.cells if row and re.fullmatch(r"F\d+", row[0])}
    findings = everything.result.findings
    assert set(by_id) == set(findings["id"])
    for found in findings.to_dict("records"):
        row = by_id[found["id"]]
        assert fmt.points(found["difference"]) in row
        assert fmt.points_interval(found["low"], found["high"]) in row
        assert f"{found['holds_in']} of {found['specifications']}" in row
        assert fmt.p_value(found["p_adjusted"]) in row
    printed = {cell for row in everything.cells for cell in row}
    # Of other specifications the report lists the first rows; its data hold all, and the explorer shows them.
    first = everything.result.gaps[
        (everything.result.gaps["rule"] == "argmax") & (everything.result.gaps["design"] == "default")
    ]
    for gap in first.to_dict("records"):
        assert fmt.points_interval(gap["difference_low"], gap["difference_high"]) in printed
    for rate in everything.result.accuracy.to_dict("records"):
        assert fmt.percent_interval(rate["low"], rate["high"]) in printed


def test_the_terminal_prints_the_rates_and_the_verdict_of_the_json(everything: Everything) -> None:
    document = json.loads((everything.folder / "audit.json").read_text())
    assert f"Verdict: {document['verdict']}" in everything.terminal
    assert f"correction for multiplicity: {len(document['findings'])}," in everything.terminal
    assert document["n_specifications"] == everything.result.n_specifications
    attributes = ("split", "skin_tone", "gender")
    overall = [row for row in document["accuracy"] if all(row[name] == "(all)" for name in attributes)]
    for row in overall:
        assert fmt.percent(row["rate"]) in everything.terminal
        assert fmt.percent_interval(row["low"], row["high"]) in everything.terminal


def test_gate_junit_report_and_json_give_one_verdict(everything: Everything, tmp_path: Path) -> None:
    xml = tmp_path / "gates.xml"
    words = ["gate", str(everything.folder), "--junit", str(xml)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "250"})
    document = json.loads((everything.folder / "audit.json").read_text())
    assert done.exit_code == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}[document["verdict"]]
    assert f"Verdict: {document['verdict']}" in done.output
    cases = {case.get("name"): case for case in ET.parse(xml).getroot().iter("testcase")}
    recomputed = everything.result.judge(GATES).set_index("name")
    tags = {"PASS": "system-out", "FAIL": "failure", "INCONCLUSIVE": "error"}
    for gate in document["gates"]:
        assert recomputed.loc[gate["name"], "verdict"] == gate["verdict"]
        assert recomputed.loc[gate["name"], "sentence"] == gate["sentence"]
        child = cases[gate["name"]][0]
        assert (child.tag, child.text) == (tags[gate["verdict"]], gate["sentence"])
        row = next(row for row in everything.cells if row[:1] == [gate["name"]])
        assert row[1] == gate["verdict"]
        assert row[-1] == gate["sentence"]
