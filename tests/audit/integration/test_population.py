"""An audit weighted to a population, from the file of predictions to gates, against naive sums of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import yaml

from audit.comparison.compare import compare
from audit.fairlearn_bridge import metric_frame_inputs
from audit.report import render_report
from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.embeddings.precomputed import GivenModel
from probes.runner import run_suite
from probes.scoring import cluster_tables
from probes.suite.suite import Suite

N_PERSONS = 150


def people(seed: int = 0) -> pd.DataFrame:
    """Persons of 1 to 8 images with unequal weights; the old are wrong more often, and weigh more."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(N_PERSONS), rng.integers(1, 9, N_PERSONS))
    gender = rng.choice(["man", "woman"], N_PERSONS)[person]
    age = rng.choice(["old", "young"], N_PERSONS, p=[0.3, 0.7])[person]
    weight = np.exp(rng.normal(0, 0.7, N_PERSONS))[person] * np.where(age == "old", 2, 1)
    logit = -1 + rng.normal(0, 0.8, N_PERSONS)[person] + 1.2 * (age == "old")
    wrong = rng.random(len(person)) < 1 / (1 + np.exp(-logit))
    job = rng.choice(["cook", "judge"], len(person))
    said = np.where(wrong, np.where(job == "cook", "judge", "cook"), job)
    score = rng.uniform(0.55, 0.95, len(person)).round(3)
    cook = np.where(said == "cook", score, 1 - score).round(3)
    return pd.DataFrame(
        {"image": [f"i{i}" for i in range(len(person))], "person": person, "gender": gender, "age": age,
         "job": job, "weight": weight.round(4), "score_cook": cook, "score_judge": (1 - cook).round(3)}
    )  # fmt: skip


def suite_of(**changes: Any) -> Suite:
    members = [{"name": word, "is": {"job": word}} for word in ("cook", "judge")]
    probe = {
        "name": "job", "truth": "job", "label_set": "jobs", "rules": ["argmax", "probability"],
        "groups": [["gender"], ["age"], ["gender", "age"]], "outcomes": ["misclassified"],
    } | changes.pop("probe", {})  # fmt: skip
    gate = {"name": "g", "probe": "job", "outcome": "misclassified", "groups": ["age"], "margin": 0.5}
    return Suite.model_validate(
        {"suite": "s", "label_sets": {"jobs": {"sets": {"identity": members}}}, "thresholds": [0.7],
         "curve": 5, "probes": [probe], "gates": [gate]} | changes
    )  # fmt: skip


def audit(data: pd.DataFrame, folder: Path, **changes: Any) -> AuditResult:
    data.to_csv(folder / "people.csv", index=False)
    dataset = load_dataset(f"predictions:{folder / 'people.csv'}")
    return AuditResult.from_records(run_suite(suite_of(**changes), GivenModel(dataset.texts), dataset))


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return people()


@pytest.fixture(scope="module")
def weighted(data: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    return audit(data, tmp_path_factory.mktemp("weighted"), population={"name": "all", "weights": "weight"})


def wrong_of(data: pd.DataFrame, rule: str) -> np.ndarray:
    """Whether an image is misclassified: under the threshold .7, if its own class does not reach it."""
    own = np.where(data["job"] == "cook", data["score_cook"], data["score_judge"])
    return own < 0.5 if rule == "argmax" else own < 0.7 - 1e-9


@pytest.mark.parametrize("rule", ["argmax", "probability"])
def test_rates_are_weighted_means_with_kish_images(
    data: pd.DataFrame, weighted: AuditResult, rule: str
) -> None:
    rows = weighted.rates[weighted.rates["rule"] == rule]
    assert len(rows) == 1 + 2 + 2 + 4
    wrong = wrong_of(data, rule)
    for row in rows.to_dict("records"):
        inside = np.ones(len(data), bool)
        for name in ("gender", "age"):
            inside &= (row[name] == "(all)") | (data[name] == row[name]).to_numpy()
        w, y = data["weight"].to_numpy()[inside], wrong[inside]
        assert row["rate"] == pytest.approx((w * y).sum() / w.sum())
        assert row["kish_n"] == pytest.approx(w.sum() ** 2 / (w**2).sum())
        assert row["n"] == inside.sum()
        assert row["count"] == y.sum()
        assert row["clusters"] == data["person"][inside].nunique()
        assert row["low"] < row["rate"] < row["high"]
        assert row["n"] / row["design_effect"] <= row["kish_n"] * (1 + 1e-9)


def test_the_variance_is_the_linearised_one_of_statsmodels(data: pd.DataFrame, weighted: AuditResult) -> None:
    """Weighted least squares with errors clustered by person; theirs without our CR2 factor and prior."""
    gap = weighted.gaps[(weighted.gaps["by"] == "age") & (weighted.gaps["rule"] == "argmax")].iloc[0]
    old = (data["age"] == "old").to_numpy(float)
    fit = sm.WLS(wrong_of(data, "argmax").astype(float), sm.add_constant(old), weights=data["weight"]).fit(
        cov_type="cluster", cov_kwds={"groups": data["person"]}
    )
    sign = 1 if gap["group"] == "old" else -1
    assert gap["difference"] == pytest.approx(sign * fit.params[1])
    ours = np.sqrt(
        sum(
            gap[f"rate_{side}"] * (1 - gap[f"rate_{side}"]) * gap[f"design_effect_{side}"] / gap[f"n_{side}"]
            for side in ("group", "reference")
        )
    )
    assert ours == pytest.approx(fit.bse[1], rel=0.15)
    assert gap["p"] == pytest.approx(fit.pvalues[1], abs=0.02)


def test_accuracy_composition_and_curves_are_weighted_too(data: pd.DataFrame, weighted: AuditResult) -> None:
    w, wrong = data["weight"].to_numpy(), wrong_of(data, "argmax")
    accuracy = weighted.accuracy[
        (weighted.accuracy["gender"] == "(all)") & (weighted.accuracy["age"] == "old")
    ]
    old = (data["age"] == "old").to_numpy()
    assert accuracy["rate"].iloc[0] == pytest.approx((w * ~wrong)[old].sum() / w[old].sum())
    assert np.isnan(accuracy["balanced"].iloc[0])
    assert "not weighted" in accuracy["note"].iloc[0]
    made_of = weighted.composition
    row = made_of[(made_of["group"] == "old") & (made_of["rule"] == "argmax")].iloc[0]
    assert row["share_of_events"] == pytest.approx((w * wrong)[old].sum() / (w * wrong).sum())
    assert row["share_of_images"] == pytest.approx(w[old].sum() / w.sum())
    curve = weighted.curves[(weighted.curves["age"] == "old") & (weighted.curves["gender"] == "(all)")]
    own = np.where(data["job"] == "cook", data["score_cook"], data["score_judge"])
    for one in curve.to_dict("records"):
        below = own < one["threshold"] - 1e-9
        assert one["rate"] == pytest.approx((w * below)[old].sum() / w[old].sum(), abs=1e-6)
        assert one["band_low"] <= one["rate"] <= one["band_high"]
    spread = weighted.variation[(weighted.variation["by"] == "age")].iloc[0]
    assert spread["highest_rate"] == pytest.approx((w * wrong)[old].sum() / w[old].sum())


def test_sums_over_clusters_say_what_counts_by_cluster_say(
    data: pd.DataFrame, weighted: AuditResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_tables, "MOST_ROWS", 0)
    summed = audit(data, tmp_path, population={"weights": "weight"})
    for name in ("rate", "kish_n", "clusters", "low", "high", "df"):
        np.testing.assert_allclose(summed.rates[name], weighted.rates[name], rtol=1e-6, atol=1e-9)


def test_equal_weights_change_nothing(data: pd.DataFrame, tmp_path: Path) -> None:
    equal = audit(data.assign(weight=3.7), tmp_path, population={"weights": "weight"})
    plain = audit(data, tmp_path)
    for table, names in (
        ("rates", ["rate", "low", "high", "kish_n", "pooled"]),
        ("gaps", ["difference_low", "difference_high", "p", "p_adjusted"]),
    ):
        for name in names:
            mine, theirs = getattr(equal, table)[name], getattr(plain, table)[name]
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)
    assert (plain.rates["kish_n"] == plain.rates["n"]).all()


def test_post_stratification_weighs_groups_to_their_shares(data: pd.DataFrame, tmp_path: Path) -> None:
    """Half of the population is old: the rate over all is the mean of both groups' rates."""
    result = audit(data, tmp_path, population={"shares": {"age": {"old": 0.5, "young": 0.5}}})
    rates = result.rates[(result.rates["rule"] == "argmax") & (result.rates["gender"] == "(all)")]
    by_age = rates.set_index("age")["rate"]
    wrong = pd.Series(wrong_of(data, "argmax")).groupby(data["age"]).mean()
    assert by_age["old"] == pytest.approx(wrong["old"])
    assert by_age["(all)"] == pytest.approx(wrong.mean())


def test_every_reader_is_told(weighted: AuditResult) -> None:
    page = render_report(weighted)
    assert "Speaks for" in page
    assert "weighted by the column weight" in page
    assert "Effective n (Kish)" in page
    assert set(weighted.specifications["note"]) >= {
        "not weighted to the population: no variances, no test of the curve"
    }
    with pytest.raises(UserError, match="weighted to a population"):
        compare(weighted, weighted)
    with pytest.raises(UserError, match="weighted to a population"):
        metric_frame_inputs(weighted, probe="job")


def test_a_small_suite_states_its_least_number_of_clusters(data: pd.DataFrame, tmp_path: Path) -> None:
    few = data[data["person"] < 30]
    strict = audit(few, tmp_path, min_clusters=25)
    lax = audit(few, tmp_path, min_clusters=2)
    gap = strict.gaps[strict.gaps["by"] == "age"].iloc[0]
    assert "fewer than 25, too few to test" in gap["note"]
    assert np.isnan(gap["p"])
    assert lax.gaps["p"].notna().all()
    assert strict.gates["verdict"].iloc[0] == "INCONCLUSIVE"
    assert AuditResult.judge(strict, strict.manifest["gates"])["verdict"].iloc[0] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("probe", "words"),
    [({"control": ["gender"], "groups": [["age"]]}, "cannot be weighted"),
     ({"references": {"age": "(best)"}}, "cannot be weighted")],
)  # fmt: skip
def test_what_cannot_be_weighted_is_refused(probe: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        suite_of(population={"weights": "weight"}, probe=probe)


def test_the_suite_in_the_manifest_keeps_its_population(weighted: AuditResult) -> None:
    assert weighted.manifest["population"] is not None
    assert yaml.safe_load(weighted.manifest["suite"]["text"])["population"]["weights"] == "weight"
