from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.fairlearn_bridge import audit_of_predictions, equalized_odds, metric_frame, metric_frame_inputs
from audit.result import AuditResult
from audit.statistics.proportion.exact_intervals import exact_difference
from clipmodel.errors import UserError
from tests.audit.support.naive_counts import draw_images, records_of, with_holes

IMAGES = with_holes(draw_images(600, seed=7, extra={"dark": 0.3}))
KNOWN = IMAGES[IMAGES["truth"] != "(missing)"]


def test_an_audit_as_a_metric_frame_has_the_rates_of_the_audit() -> None:
    pytest.importorskip("fairlearn")
    from sklearn.metrics import accuracy_score

    result = AuditResult.from_records(records_of(IMAGES))
    frame = metric_frame(result, {"accuracy": accuracy_score}, by=["skin_tone"], probe="work")
    own = result.accuracy
    own = own[(own["skin_tone"] != "(all)") & (own["gender"] == "(all)")].set_index("skin_tone")["rate"]
    assert frame.by_group["accuracy"].to_dict() == pytest.approx(own.to_dict())


def test_the_inputs_are_one_row_an_image() -> None:
    inputs = metric_frame_inputs(AuditResult.from_records(records_of(IMAGES)), probe="work")
    assert len(inputs["y_true"]) == len(KNOWN)
    assert (inputs["y_true"] != inputs["y_pred"]).sum() == (KNOWN["truth"] != KNOWN["prediction"]).sum()
    with pytest.raises(UserError, match="no probe 'play'"):
        metric_frame_inputs(AuditResult.from_records(records_of(IMAGES)), probe="play")


def test_the_inputs_of_a_metric_frame_as_an_audit_and_back() -> None:
    fairlearn = pytest.importorskip("fairlearn.metrics")
    rng = np.random.default_rng(1)
    sex = pd.Series(rng.choice(["woman", "man"], 800), name="sex")
    y_true = rng.integers(0, 2, 800)
    y_pred = np.where(rng.random(800) < np.where(sex == "woman", 0.3, 0.1), 1 - y_true, y_true)
    result = audit_of_predictions(y_true, y_pred, sensitive_features=sex, positive=1)
    frame = fairlearn.MetricFrame(
        metrics={"selected": fairlearn.selection_rate}, y_true=y_true, y_pred=y_pred, sensitive_features=sex
    )
    rates = result.rates[result.rates["sex"] != "(all)"].set_index(["outcome", "sex"])["rate"]
    assert rates["selected"].to_dict() == pytest.approx(frame.by_group["selected"].to_dict())
    finding = result.findings[result.findings["outcome"] == "misclassified"].iloc[0]
    assert (finding["group"], finding["reference"]) == ("woman", "man")
    inputs = metric_frame_inputs(result, probe="predictions")
    assert (inputs["y_true"] == "1").sum() == y_true.sum()
    crossed = pd.crosstab(inputs["y_true"], inputs["y_pred"]).to_numpy()
    np.testing.assert_array_equal(crossed, pd.crosstab(y_true, y_pred).to_numpy())


def test_missing_features_and_references_and_gates() -> None:
    tone = pd.Series(["dark", "light", None, "light"] * 50, name="tone")
    gate = {
        "name": "g",
        "probe": "predictions",
        "outcome": "misclassified",
        "groups": ["tone"],
        "margin": 0.2,
    }
    result = audit_of_predictions(
        ["a"] * 200, ["a"] * 200, sensitive_features=tone, references={"tone": "light"}, gates=[gate]
    )
    assert result.gaps[["group", "reference", "n_group"]].iloc[0].tolist() == ["dark", "light", 50]
    assert result.verdict == "PASS"


def test_equalized_odds_equals_fairlearns_and_its_interval_can_hold_zero() -> None:
    fairlearn = pytest.importorskip("fairlearn.metrics")
    rng = np.random.default_rng(2)
    group = pd.Series(rng.choice(["a", "b", "c"], 900))
    y_true, y_pred = rng.integers(0, 2, (2, 900))
    table = equalized_odds(y_true, y_pred, sensitive_features=group, positive=1).set_index(
        ["metric", "group"]
    )
    total = table.loc["equalized odds difference"].iloc[0]
    expected = fairlearn.equalized_odds_difference(y_true, y_pred, sensitive_features=group)
    assert total["value"] == pytest.approx(expected)
    assert total["low"] == 0 < total["value"] < total["high"]
    hits = y_pred[(y_true == 1) & (group == "a")]
    assert table.loc["true positive rate", "a"]["value"] == pytest.approx(hits.mean())


def test_the_interval_of_equalized_odds_by_hand() -> None:
    # Two groups of 100 positives and 100 negatives: 90 against 50 found, no false alarm in either.
    y_true = np.tile(np.repeat([1, 0], 100), 2)
    y_pred = np.concatenate([np.arange(100) < 90, np.zeros(100), np.arange(100) < 50, np.zeros(100)]).astype(
        int
    )
    group = pd.Series(np.repeat(["a", "b"], 200))
    table = equalized_odds(y_true, y_pred, sensitive_features=group, positive=1).set_index("metric")
    low, high = exact_difference(90, 100, 50, 100, confidence=1 - 0.05 / 2)
    total = table.loc["equalized odds difference"]
    assert total[["group", "value"]].tolist() == ["a and b", 0.4]
    assert (total["low"], total["high"]) == pytest.approx((float(low), float(high)))


def test_a_group_without_positives_has_no_odds() -> None:
    table = equalized_odds([1, 0, 0], [1, 0, 0], sensitive_features=pd.Series(list("aab")), positive=1)
    assert table.set_index("metric").loc["equalized odds difference"][["value", "low", "high"]].isna().all()


def test_labels_of_another_number_of_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="have 2, 2 and 3 rows"):
        audit_of_predictions(["a", "b"], ["a", "a"], sensitive_features=pd.Series(list("xyx"), name="g"))
