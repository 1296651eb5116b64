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
from audit.tables.groups.gap_rows import GapRows
from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.embeddings.precomputed import PrecomputedModel
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
    return AuditResult.from_records(run_suite(suite_of(**changes), PrecomputedModel(dataset.texts), dataset))


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
    recalls = [
        (w * ~wrong)[old & own].sum() / w[old & own].sum()
        for own in ((data["job"] == job).to_numpy() for job in ("cook", "judge"))
    ]
    assert accuracy["balanced"].iloc[0] == pytest.approx(np.mean(recalls))
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


def test_a_controlled_gap_is_that_of_weighted_least_squares_with_strata(
    data: pd.DataFrame, weighted: AuditResult, tmp_path: Path
) -> None:
    """Mantel and Haenszel's difference is the coefficient of the group beside a constant for each stratum."""
    result = audit(
        data, tmp_path, population={"weights": "weight"}, probe={"control": ["gender"], "groups": [["age"]]}
    )
    row = result.controlled[result.controlled["rule"] == "argmax"].iloc[0]
    group = (data["age"] == row["group"]).to_numpy(float)
    design = np.column_stack([group, data["gender"] == "man", data["gender"] == "woman"]).astype(float)
    y, w = wrong_of(data, "argmax").astype(float), data["weight"].to_numpy()
    fit = sm.WLS(y, design, weights=w).fit(cov_type="cluster", cov_kwds={"groups": data["person"]})
    assert row["difference"] == pytest.approx(fit.params[0])
    half = (row["difference_high"] - row["difference_low"]) / 2
    assert half == pytest.approx(1.97 * fit.bse[0], rel=0.15)
    assert row["n_group"] == group.sum()
    expected = 0.0
    for gender in ("man", "woman"):
        own = (data["gender"] == gender).to_numpy()
        sides = [(own & (group == side)) for side in (1, 0)]
        rates = [(w * y)[side].sum() / w[side].sum() for side in sides]
        expected += w[own].sum() / w.sum() * (rates[0] - rates[1])
    assert row["standardised"] == pytest.approx(expected)


def test_all_images_and_the_best_group_as_weighted_references(data: pd.DataFrame, tmp_path: Path) -> None:
    weights = {"population": {"weights": "weight"}}
    w, wrong = data["weight"].to_numpy(), wrong_of(data, "argmax")
    rates = {age: np.average(wrong[own], weights=w[own]) for age in ("old", "young")
             for own in [(data["age"] == age).to_numpy()]}  # fmt: skip
    whole = audit(data, tmp_path, probe={"references": {"age": "(overall)"}}, **weights)
    own = whole.gaps[(whole.gaps["by"] == "age") & (whole.gaps["rule"] == "argmax")].set_index("group")
    for age, rate in rates.items():
        row = own.loc[age]
        assert row["rate_reference"] == pytest.approx(np.average(wrong, weights=w))
        assert row["difference"] == pytest.approx(rate - np.average(wrong, weights=w))
        assert row["weighted_share"] == pytest.approx(w[(data["age"] == age).to_numpy()].sum() / w.sum())
        assert row["n_reference"] == len(data)
    # What is judged again from the table is what the table says.
    low, high = GapRows.of(whole.gaps).difference(confidence=0.95)
    np.testing.assert_allclose(low, whole.gaps["difference_low"], atol=1e-9)
    np.testing.assert_allclose(high, whole.gaps["difference_high"], atol=1e-9)
    best = audit(data, tmp_path, probe={"references": {"age": "(best)"}}, **weights)
    row = best.gaps[(best.gaps["by"] == "age") & (best.gaps["rule"] == "argmax")].iloc[0]
    assert (row["group"], row["reference"]) == ("old", "young")
    assert row["difference"] == pytest.approx(rates["old"] - rates["young"])


def test_curves_and_their_tests_are_weighted(data: pd.DataFrame, weighted: AuditResult) -> None:
    """Variances and p of the curve exist; those of equal weights are those without any."""
    curves = weighted.specifications[weighted.specifications["by"] == "age"]
    assert curves["curve_p"].between(0, 0.05).all()
    assert (curves["variance_sampling"] > 0).all()
    assert (curves["note"] == "").all()


def test_changes_between_two_audits_are_weighted(
    data: pd.DataFrame, weighted: AuditResult, tmp_path: Path
) -> None:
    """A second model that is right in every third image of the old, and in every eighth of the young."""
    every = np.where(data["age"] == "old", 3, 8)
    fixed = np.arange(len(data)) % every == 0
    cook = np.where(data["job"] == "cook", 0.9, 0.1)
    better = data.assign(
        score_cook=np.where(fixed, cook, data["score_cook"]),
        score_judge=np.where(fixed, 1 - cook, data["score_judge"]).round(3),
    )
    second = audit(better, tmp_path, population={"weights": "weight"})
    found = compare(weighted, second)
    w, before, after = data["weight"].to_numpy(), wrong_of(data, "argmax"), wrong_of(better, "argmax")
    rows = found.changes[(found.changes["rule"] == "argmax") & (found.changes["by"] == "age")]
    for row in rows.to_dict("records"):
        own = (data["age"] == row["group"]).to_numpy()
        change = np.average(after[own].astype(float) - before[own], weights=w[own])
        assert row["change"] == pytest.approx(change, abs=1e-12)
        assert row["rate_first"] == pytest.approx(np.average(before[own], weights=w[own]))
        assert row["low"] <= row["change"] <= row["high"]
        assert row["only_first"] == (before & ~after & own).sum()
    gap = found.gap_changes[(found.gap_changes["rule"] == "argmax") & (found.gap_changes["by"] == "age")]
    old = (data["age"] == "old").to_numpy()
    change = (after.astype(float) - before)[:, None]
    # Weighted least squares of the change on the group, errors by person.
    fit = sm.WLS(change[:, 0], sm.add_constant(old.astype(float)), weights=w).fit(
        cov_type="cluster", cov_kwds={"groups": data["person"]}
    )
    row = gap[gap["group"] == "old"].iloc[0]
    assert row["change"] == pytest.approx(fit.params[1])
    assert row["p"] <= 0.005
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.97 * fit.bse[1], rel=0.3)


def test_audits_of_different_populations_are_not_compared(
    data: pd.DataFrame, weighted: AuditResult, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"the first audit speaks for all .*, the second for the images as"):
        compare(weighted, audit(data, tmp_path))
    other = audit(data.assign(weight=data["weight"] ** 2), tmp_path, population={"weights": "weight"})
    with pytest.raises(UserError, match="times as much in one audit"):
        compare(weighted, other)


def test_every_reader_is_told(weighted: AuditResult) -> None:
    page = render_report(weighted)
    assert "Speaks for" in page
    assert "weighted by the column weight" in page
    assert "Effective n (Kish)" in page
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


def test_the_suite_in_the_manifest_keeps_its_population(weighted: AuditResult) -> None:
    assert weighted.manifest["population"] is not None
    assert yaml.safe_load(weighted.manifest["suite"]["text"])["population"]["weights"] == "weight"
