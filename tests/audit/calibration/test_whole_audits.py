from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from audit.calibration.scenarios import BY_NAME, latent_correlation, predictions_of, suite_of
from audit.calibration.whole_audits import ROW_COLUMNS, row_of, summary_of
from audit.commands import simulated_audits
from audit.commands.simulated_audits import audit_of, simulated_rows
from probes.suite.suite import Suite

SMALL = replace(BY_NAME["gaps"], persons=(40, 30, 30), probes=2, gaps=1, gap=0.4)


def test_scores_have_the_rates_and_the_correlation_that_they_should() -> None:
    scenario = replace(BY_NAME["persons"], persons=(3000, 3000), sizes="ten", probes=1)
    table = predictions_of(scenario, seed=1)
    for threshold, rate in zip((0.3, 0.5), scenario.rates(np.array([0.3, 0.5]))[0, 0], strict=True):
        happened = table["score_harm 0"] >= threshold
        assert happened.mean() == pytest.approx(rate, abs=0.012)
    assert scenario.rates(np.array([0.5]))[0, 0, 0] == pytest.approx(0.2)
    # Correlation within persons, from the variance of their means: (1 + 9 rho) p (1 - p) / 10.
    happened = (table["score_harm 0"] >= 0.5).groupby(table["subject_id"]).mean()
    assert (happened.var() * 10 / (0.2 * 0.8) - 1) / 9 == pytest.approx(0.4, abs=0.03)
    assert table.groupby("subject_id")["tone"].nunique().max() == 1


def test_the_latent_correlation_at_its_ends() -> None:
    assert latent_correlation(0.0, 0.2) == 0
    # Cutting a normal variable in two loses correlation: the latent one is larger, and grows with it.
    assert 0.4 < latent_correlation(0.4, 0.2) < latent_correlation(0.6, 0.2) < 1


@pytest.mark.parametrize("name", BY_NAME)
def test_every_scenario_is_a_suite(name: str) -> None:
    suite = Suite.model_validate(suite_of(BY_NAME[name]))
    assert len(suite.probes) == BY_NAME[name].probes


@pytest.mark.slow
def test_an_audit_goes_through_the_door_and_is_counted_against_the_truth() -> None:
    row = row_of(audit_of(SMALL, seed=3), SMALL, audit=0)
    assert set(row) == set(ROW_COLUMNS)
    # Two probes x three groups, under argmax and two thresholds.
    assert (row["rate_n"], row["difference_n"], row["band_n"]) == (18, 12, 6)
    assert (row["true_gaps"], row["true_found"], row["false_findings"]) == (1, 1, 0)
    assert row["rate_covered"] >= 14


def test_chunks_that_are_there_are_not_made_again(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = dict.fromkeys(ROW_COLUMNS, 1) | {"scenario": "persons"}
    file = tmp_path / f"whole-persons-0-{0:06d}.csv"
    pd.DataFrame([row], columns=list(ROW_COLUMNS)).to_csv(file, index=False)
    monkeypatch.setattr(simulated_audits, "_chunk", None)
    assert len(simulated_rows(tmp_path, kind="whole", audits=1, scenarios=["persons"])) == 1


def test_a_summary_by_hand() -> None:
    rows = pd.DataFrame(
        [dict.fromkeys(ROW_COLUMNS, 0) | {"scenario": "persons", "audit": i} for i in range(4)]
    )
    rows["rate_n"], rows["rate_covered"] = 10, [9, 10, 9, 10]
    rows["false_findings"] = [0, 0, 2, 0]
    found = summary_of(rows).set_index("figure")
    assert found.loc["coverage: rate", "value"] == pytest.approx(38 / 40)
    assert found.loc["audits with a false finding", "value"] == 0.25
    assert found.loc["audits with a false finding", "high"] > 0.8
