from __future__ import annotations

from dataclasses import replace

import pytest

from audit.report import render_report
from audit.report.verdict_strip import verdict, verdict_of
from audit.result import AuditResult
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


def test_a_failed_gate_is_named_in_the_strip(result: AuditResult) -> None:
    gate = {"name": "harm gap", "probe": "denigration", "outcome": "harm", "groups": ["skin_tone"],
            "metric": "rate", "margin": 0.01}  # fmt: skip
    gates = result.judge([gate])
    strip = verdict_of(replace(result, gates=gates, verdict="FAIL"))
    assert strip.reasons[0].startswith("harm gap: ")
    assert "The gates of the suite" in render_report(replace(result, gates=gates, verdict="FAIL"))
    assert strip.next_step


def test_every_verdict_has_an_icon_and_a_meaning_of_its_own() -> None:
    strips = [verdict(word) for word in ("PASS", "FAIL", "INCONCLUSIVE", "NO GATE")]
    assert [strip.word for strip in strips] == ["PASS", "FAIL", "INCONCLUSIVE", "NO GATE"]
    for distinct in ("icon", "css", "meaning"):
        assert len({getattr(strip, distinct) for strip in strips}) == 4
