from __future__ import annotations

import pytest
from pydantic import ValidationError

from audit.commands.composed import audit_evaluator
from audit.commands.composed.audit_evaluator import AuditedRecipe, AuditPlan
from audit.training.history import primary_gaps
from clipmodel.training.callbacks import Every
from clipmodel.training.recipe import load_recipe
from probes.suite.suite import load_suite
from tests.audit.support.invented_audit import invented_result


def test_a_plan_says_how_often_in_words() -> None:
    plan = AuditPlan.model_validate({"every": "2 epochs", "where": {"split": "validation"}})
    assert (plan.suite, plan.data, plan.every) == ("quickstart", None, Every(count=2, unit="epoch"))
    with pytest.raises(ValidationError, match="every"):
        AuditPlan.model_validate({"every": "often"})
    recipe = load_recipe("tiny").model_dump(exclude_unset=True) | {"audit": {"every": "10 steps"}}
    assert AuditedRecipe.model_validate(recipe).audit is not None


def test_filters_of_the_plan_are_over_those_of_each_probe() -> None:
    plan = AuditPlan.model_validate({"every": "1 epoch", "where": {"split": "validation"}})
    suite = load_suite("quickstart")
    narrowed = audit_evaluator._restricted(suite, plan)
    for before, after in zip(suite.probes, narrowed.probes, strict=True):
        assert after.where == {**before.where, "split": "validation"}


def test_measures_are_the_accuracy_and_the_widest_gap_of_each_outcome() -> None:
    result = invented_result()
    (accuracy,) = audit_evaluator._accuracies(result)
    overall = result.accuracy[
        (result.accuracy[["split", "skin_tone", "gender"]] == "(all)").all(axis=1)
    ].iloc[0]
    assert accuracy.name.endswith("accuracy, occupation") and accuracy.value == pytest.approx(overall["rate"])
    gaps = primary_gaps(result)
    found = {measure.name: measure for measure in audit_evaluator._widest(gaps)}
    own = gaps[(gaps["outcome"] == "crime") & (gaps["by"] == "skin_tone")]
    widest = own.loc[own["difference"].abs().idxmax()]
    (name,) = [name for name in found if name.endswith("widest gap, denigration, crime, skin_tone")]
    assert found[name].value == pytest.approx(abs(widest["difference"]))
    assert found[name].n == widest["n_group"] + widest["n_reference"]
