from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audit.calibration.coverage import (
    COVERAGE_COLUMNS,
    audit_of,
    failed_gates,
    false_alarm_table,
    found_in,
    population,
    proportion_coverage,
)
from audit.calibration.page import write_page
from audit.calibration.planted_bias import judge_models, planted_summary
from audit.statistics.intervals import wilson
from tests.audit.calibration.test_planted_bias import trained


def test_coverage_of_a_proportion_by_hand() -> None:
    # n 20, rate .05: Wilson's interval holds .05 for 0 to 3 events.
    table = proportion_coverage()
    row = table[(table["interval"] == "Wilson") & (table["n_1"] == 20) & (table["rate_1"] == 0.05)].iloc[0]
    low, high = wilson(np.arange(21), 20)
    inside = (low <= 0.05) & (high >= 0.05)
    assert row["coverage"] == pytest.approx(stats.binom.pmf(np.flatnonzero(inside), 20, 0.05).sum())


def test_the_intervals_of_rates_keep_what_they_promise() -> None:
    table = proportion_coverage()
    adjusted = table.loc[table["interval"] == "adjusted Wilson", "coverage"]
    assert 0.94 <= adjusted.mean() <= 0.965
    assert adjusted.min() >= 0.92
    assert table.loc[table["interval"] == "Clopper-Pearson", "coverage"].min() >= 0.95


def test_bulk_and_audit_agree_on_findings_and_gates() -> None:
    truth = population(images=3000, gap=0.2, probes=4)
    count = truth.draw(3, rng=np.random.default_rng(1))
    named, failed = found_in(count, truth.sizes), failed_gates(count, truth.sizes, margin=0.05)
    for audit in range(3):
        result = audit_of(count[audit], truth.sizes, margin=0.05)
        found = {(row.probe, row.group) for row in result.findings.itertuples()}
        expected = {(f"probe {p:02d}", f"g{g:02d}") for p, g in zip(*np.nonzero(named[audit]), strict=True)}
        assert found == expected
        assert (result.gates["verdict"] == "FAIL").tolist() == failed[audit].tolist()
    assert named[:, 0, 6].all()


def test_few_audits_without_disparity_raise_an_alarm_and_a_large_gap_is_found() -> None:
    alarms = false_alarm_table(audits=40, repeated=0)
    assert (alarms["finding"] <= 0.13).all()
    assert (alarms["gate"] <= 0.05).all()
    truth = population(images=11_000, gap=0.15)
    assert found_in(truth.draw(10, rng=np.random.default_rng(2)), truth.sizes)[:, 0, 6].all()


def test_the_page_shows_each_part_with_its_figure(tmp_path) -> None:
    values = pd.concat([trained(5, loss=0.0, seed=1), trained(4, loss=1.0, seed=2, planted="g3")])
    judged = judge_models(values)
    tables = {
        "coverage": pd.DataFrame(
            [("Wilson", "proportion", 20, 0, 0.03, np.nan, 0.91, 0.2, 0.0, 0),
             ("Newcombe", "difference", 20, 20, 0.1, 0.3, 0.95, 0.4, 0.0, 0)],
             columns=list(COVERAGE_COLUMNS)),
        "false_alarms": pd.DataFrame({"images": [2000], "margin": [0.05], "audits": [100], "finding": [0.04],
                                      "gate": [0.0], "repeated": [5], "disagree": [0]}),
        "power": pd.DataFrame({"images": [2000, 2000], "n_group": [140, 140], "gap": [0.1, 0.2], "audits":
        [50, 50],                        "found": [0.4, 1.0], "found_only": [0.4, 1.0], "detectable": [0.17,
        0.17]}), "models": judged,
        "planted": planted_summary(judged, values),
    }  # fmt: skip
    page = tmp_path / "docs" / "calibration.md"
    page.parent.mkdir()
    write_page(tables, page, command="clip-audit calibrate")
    text = page.read_text(encoding="utf-8")
    assert "0.910 at n 20 and rate 0.03" in text
    assert "| 2,000 | 5 points | 100 | 4.00 % | 0.00 % | 5, 0 differ |" in text
    assert "| 2,000 | 140 | 20 points | 17.0 points |" in text
    assert "none (controls)" in text
    first = {
        name: (page.with_suffix("") / f"{name}.svg").read_bytes() for name in ("coverage", "power", "models")
    }
    write_page(tables, page, command="clip-audit calibrate")
    assert first == {name: (page.with_suffix("") / f"{name}.svg").read_bytes() for name in first}
    del tables["models"], tables["planted"]
    write_page(tables, page, command="clip-audit calibrate")
    assert "trained models" not in page.read_text(encoding="utf-8").split("## ", 1)[1]
