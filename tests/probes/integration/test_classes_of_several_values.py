"""A class that stands for several values of an attribute: from YAML to the tables, against plain masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from audit.fairlearn_bridge import metric_frame, metric_frame_inputs
from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.planning.audit_plan import plan
from probes.runner import run_suite
from probes.suite.label_sets import LabelSet
from probes.suite.suite import Suite, suite_json_schema
from tests.probes.conftest import FakeModel
from tests.support.measured import measures_of

# What an image shows, and the age it is labelled with: red is right for the old, blue for the young.
DRAWN = [("red", "60-69"), ("red", "70+"), ("blue", "60-69"), ("blue", "20-29"), ("red", "20-29")]
JOINED = {"60-69": "60-69 or 70+", "70+": "60-69 or 70+"}
OLD = {"name": "old", "text": "red one", "is": {"age": ["60-69", "70+"]}}
YOUNG = {"name": "young", "text": "blue one", "is": {"age": "20-29"}}
IN_DECADES = [
    {"name": "sixties", "text": "red one", "is": {"age": "60-69"}},
    {"name": "seventies", "text": "reddish one", "is": {"age": "70+"}},
]


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    chosen = rng.choice(len(DRAWN), 60)
    table = pd.DataFrame([DRAWN[i] for i in chosen], columns=["colour", "age"])
    table["gender"] = rng.choice(["woman", "man"], 60)
    table.loc[:4, "age"] = "3-9"  # no class stands for it
    table.insert(0, "path", [f"{i}.png" for i in range(60)])
    return table


@pytest.fixture
def data(people: pd.DataFrame, write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(people))


def suite_of(*classes: Any, **probe: Any) -> Suite:
    written = {
        "name": "age", "truth": "age", "label_set": "ages", "groups": [["gender"]], "uncovered": "exclude",
        "outcomes": ["misclassified"],
    } | probe  # fmt: skip
    sets = {"identity": list(classes or (OLD, YOUNG))}
    return Suite.model_validate(
        {"suite": "s", "label_sets": {"ages": {"sets": sets}}, "thresholds": [0.5], "probes": [written]}
    )


@pytest.fixture
def result(data: TableDataset, model: FakeModel, store: EmbeddingStore) -> AuditResult:
    """Under two designs: one class for all who are old, and one for each of their decades."""
    designs = {"default": {}, "decades": {"drop": ["old"], "add": {"identity": IN_DECADES}}}
    suite = suite_of(designs=designs, rules=["argmax", "probability"])
    return AuditResult.from_records(run_suite(suite, model, data, store=store, keep_images=True))


def test_accuracy_and_rates_are_those_of_plain_masks(result: AuditResult, people: pd.DataFrame) -> None:
    """The model says what is drawn: right where old is red or young is blue."""
    asked = people[people["age"] != "3-9"]
    right = (asked["colour"] == "red") == asked["age"].isin(["60-69", "70+"])
    own = result.accuracy[result.accuracy["design"] == "default"]
    expected = {"(all)": right.mean(), **right.groupby(asked["gender"]).mean().to_dict()}
    assert own.set_index("gender")["rate"].to_dict() == pytest.approx(expected)
    rates = result.rates[(result.rates["design"] == "default") & (result.rates["outcome"] == "misclassified")]
    assert set(rates["rule"]) == {"argmax", "probability"}  # at 1/2, of two classes, the rules agree
    for _, rows in rates.groupby("rule"):
        counts = (~right).groupby(asked["gender"]).sum().to_dict() | {"(all)": (~right).sum()}
        assert rows.set_index("gender")["count"].to_dict() == counts


def test_where_values_have_classes_of_their_own_they_are_told_apart(
    result: AuditResult, people: pd.DataFrame
) -> None:
    """Under "decades" a red image is taken for sixties, so 70+ is wrong there."""
    asked = people[people["age"] != "3-9"]
    said = asked["colour"].map({"red": "60-69", "blue": "20-29"})
    own = result.accuracy[(result.accuracy["design"] == "decades") & (result.accuracy["gender"] == "(all)")]
    assert own["rate"].item() == pytest.approx((said == asked["age"]).mean())
    assert own["balanced"].item() == pytest.approx(balanced_accuracy_score(asked["age"], said))


def test_balanced_accuracy_is_over_the_classes_as_scikit_learn_has_it(
    result: AuditResult, people: pd.DataFrame
) -> None:
    asked = people[people["age"] != "3-9"]
    own = result.accuracy[result.accuracy["design"] == "default"].set_index("gender")["balanced"]
    said = asked["colour"].map({"red": "60-69 or 70+", "blue": "20-29"})
    truth = asked["age"].replace(JOINED)
    assert own["(all)"] == pytest.approx(balanced_accuracy_score(truth, said))
    women = asked["gender"] == "woman"
    assert own["woman"] == pytest.approx(balanced_accuracy_score(truth[women], said[women]))


def test_fairlearn_finds_the_same(result: AuditResult, people: pd.DataFrame) -> None:
    fairlearn = pytest.importorskip("fairlearn.metrics")
    asked = people[people["age"] != "3-9"]
    own = fairlearn.MetricFrame(
        metrics=accuracy_score, y_true=asked["age"].replace(JOINED),
        y_pred=asked["colour"].map({"red": "60-69 or 70+", "blue": "20-29"}),
        sensitive_features=asked["gender"],
    )  # fmt: skip
    ours = metric_frame(result, {"accuracy": accuracy_score}, by=["gender"], probe="age", design="default")
    assert ours.by_group["accuracy"].to_dict() == own.by_group.to_dict()
    inputs = metric_frame_inputs(result, probe="age", design="decades")
    assert set(inputs["y_true"]) == {"20-29", "60-69", "70+"}


def test_values_that_no_class_stands_for_are_excluded_and_counted(
    result: AuditResult, people: pd.DataFrame
) -> None:
    lost = people[people["age"] == "3-9"]["gender"].value_counts().to_dict()
    rows = result.excluded[result.excluded["reason"].str.startswith("truth: no class for age 3-9")]
    assert rows.set_index("gender")["n"].to_dict() == lost
    assert rows["n"].sum() == 5


def test_a_value_that_one_design_lacks_is_excluded_from_all(data: TableDataset) -> None:
    """Images must be the same under every design, or two designs could not be compared image by image."""
    suite = suite_of(OLD, YOUNG, "child", designs={"default": {}, "few": {"drop": ["young"]}})
    selection = plan(suite, data).probes[0].selection
    assert set(selection.cells["truth"]) == {"60-69", "70+"}
    reasons = set(selection.excluded["reason"])
    assert reasons == {
        "truth: no class for age 3-9 in the design default",
        "truth: no class for age 20-29 in the design few",
    }


def test_unless_the_suite_says_so_values_without_a_class_are_refused(data: TableDataset) -> None:
    with pytest.raises(UserError, match="no class for age 3-9") as caught:
        plan(suite_of(uncovered="refuse"), data)
    assert "'uncovered: exclude'" in str(caught.value)
    with pytest.raises(UserError, match="no class stands for the age of any selected image"):
        plan(suite_of(where={"age": "3-9"}), data)


def test_two_classes_that_share_a_value_share_all(data: TableDataset) -> None:
    both = [OLD, {"name": "retired", "is": {"age": ["70+", "60-69"]}}, YOUNG]
    assert plan(suite_of(*both), data).probes[0].classes_without_truth == []
    overlapping = [OLD, {"name": "retired", "is": {"age": "70+"}}, YOUNG]
    with pytest.raises(ValidationError, match=r"'old' and 'retired' both stand for age '70\+', but not") as e:
        LabelSet.model_validate({"name": "x", "sets": {"identity": overlapping}})
    assert e.value.errors()[0]["loc"] == ("sets", "identity", 1, "is", "age")
    assert "give both the same values" in e.value.errors()[0]["ctx"]["remedy"]


def test_a_class_is_dropped_by_itself_only_if_another_stands_for_the_same(data: TableDataset) -> None:
    classes = [OLD, {"name": "retired", "is": {"age": ["70+", "60-69"]}}, YOUNG]
    suite = suite_of(*classes, auto=["drop_one"])
    assert list(suite.designs(suite.classification[0])) == ["default", "drop old", "drop retired"]


@pytest.mark.parametrize(
    ("written", "message"),
    [([], "at least 1 item"), (["a", "a"], "'a' is there twice"), ([True], "put the word in quotes")],
)
def test_a_wrong_list_of_values_is_refused(written: list[Any], message: str) -> None:
    wrong = {"name": "old", "is": {"age": written}}
    with pytest.raises(ValidationError, match=message):
        LabelSet.model_validate({"name": "x", "sets": {"identity": [wrong, "young"]}})


def test_top_k_accuracy_knows_several_values_too(
    data: TableDataset, people: pd.DataFrame, model: FakeModel, store: EmbeddingStore
) -> None:
    probe = {"kind": "group_accuracy", "truth": "age", "label_set": "ages", "k": [1], "groups": [["gender"]]}
    suite = Suite.model_validate(
        {"suite": "s", "label_sets": {"ages": {"sets": {"identity": [OLD, YOUNG]}}},
         "probes": [{"name": "age", **probe}]}
    )  # fmt: skip
    records = run_suite(suite, model, data, store=store)
    asked = people[people["age"] != "3-9"]
    right = (asked["colour"] == "red") == asked["age"].isin(["60-69", "70+"])
    rows = measures_of(records)
    everyone = rows[(rows["metric"] == "top-1 accuracy") & (rows["gender"] == "(all)")].iloc[0]
    assert (everyone["n"], everyone["value"]) == (len(asked), pytest.approx(right.mean()))
    assert records.excluded.loc[records.excluded["reason"] == "truth: no class for age 3-9", "n"].sum() == 5


def test_the_json_schema_takes_one_value_or_several() -> None:
    written = suite_json_schema()["$defs"]["LabelClass"]["properties"]["is"]
    forms = written["additionalProperties"]
    assert {"array"} <= {form.get("type") for form in forms.get("anyOf", forms.get("oneOf"))}
    assert "several" in written["description"]
