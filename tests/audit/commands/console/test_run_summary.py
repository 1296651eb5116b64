"""The closing summary says what the tables say, on one screen."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from audit import AuditResult
from audit.commands.console.run_summary import print_summary, summary_json
from tests.audit.support.invented_audit import invented_result

GATE = {"name": "harm at most 1 %", "probe": "denigration", "outcome": "harm", "groups": [],
        "metric": "rate", "margin": 0.01}  # fmt: skip


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


def text_of(result: AuditResult, *, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_summary(result, console, folder=Path("runs/one"))
    return console.file.getvalue().replace("\N{NO-BREAK SPACE}", " ")  # type: ignore[attr-defined]


def test_it_fits_one_screen_and_names_the_files(result: AuditResult) -> None:
    text = text_of(result)
    assert len(text.splitlines()) <= 30
    assert "Report: runs/one/report.html" in text
    assert "clip-audit show runs/one" in text


def test_accuracy_is_that_of_all_images(result: AuditResult) -> None:
    overall = result.accuracy.query("split == '(all)' and skin_tone == '(all)' and gender == '(all)'").iloc[0]
    assert f"{int(overall['n']):,}" in text_of(result)
    assert f"{100 * overall['rate']:.1f} %" in text_of(result)


def test_the_strongest_findings_come_with_interval_and_n(result: AuditResult) -> None:
    rows = [line for line in text_of(result, width=300).splitlines() if line.strip().startswith("F")]
    findings = result.findings.set_index("id")
    told = [row for row in rows if row.split()[0] in findings.index]
    assert len(told) == 3
    for row in told:
        assert f"{abs(100 * findings.loc[row.split()[0], 'difference']):.1f} points" in row
    assert f"multiplicity: {len(findings)}, over {result.n_specifications} specifications" in text_of(result)


def test_a_failed_gate_is_named_with_what_to_do_next(result: AuditResult) -> None:
    failed = replace(result, gates=result.judge([GATE]), verdict="FAIL")
    text = text_of(failed, width=300)
    assert "Verdict: FAIL" in text
    assert "harm at most 1 %: " in text
    assert "audit it again" in text


def test_what_was_left_out_is_added_up_by_reason(result: AuditResult) -> None:
    # The fixture leaves out 1 unreadable image and 180 without a visible skin tone.
    assert "skin tone missing or not visible 180; unreadable image 1" in text_of(result)
    many = pd.concat([result.excluded.assign(reason=f"reason {i}", n=i) for i in range(1, 6)])
    assert "reason 5 10; reason 4 8; 3 more reasons" in text_of(replace(result, excluded=many))


def test_the_json_holds_the_same(result: AuditResult) -> None:
    document = json.loads(summary_json(result, folder=Path("runs/one")))
    assert document["verdict"] == "NO GATE"
    assert document["findings"] == len(result.findings)
    first = document["strongest"][0]
    assert first["worse"] == "dark"
    assert first["difference"] == pytest.approx(first["worse_rate"] - first["better_rate"])
