"""The audit inside training: what a recipe's `audit` asks for, and the evaluator that does it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field

from audit.commands.console.suite_data import data_of
from audit.result import AuditResult
from audit.training.history import AUDIT_MEASURE, drop_audits, primary_accuracy, primary_gaps, write_audit
from clipmodel.training.callbacks import Every, Measure, StepReport
from clipmodel.training.recipe import Recipe
from clipmodel.yaml_models import StrictModel
from probes.suite.probe_base import Filter
from probes.suite.suite import Suite, load_suite

if TYPE_CHECKING:
    from clipmodel.loading.embedding_model import LoadedModel


class AuditPlan(StrictModel):
    """A suite that is asked while a model is trained."""

    suite: str = Field("quickstart", description="a shipped suite by name, or a YAML file")
    data: str | None = Field(None, description="KIND:PATH; None: the suite's")
    where: dict[str, Filter] = Field(
        {}, description="over each probe's own: such as {split: validation}, to keep test images for the end"
    )
    every: Every = Field(description="such as '1 epoch' or '100 steps'; besides, after the last step")


class AuditedRecipe(Recipe):
    """A recipe whose `audit` is understood."""

    audit: AuditPlan | None = None  # type: ignore[assignment]


class AuditEvaluator:
    """Audits the model and keeps every audit under OUT/audits.

    Parameters
    ----------
    plan
        The suite, its data and how often.
    out
        The run's folder.

    Raises
    ------
    UserError
        No such suite.
    """

    def __init__(self, plan: AuditPlan, out: Path) -> None:
        self._plan, self._out = plan, out
        self._suite = _restricted(load_suite(plan.suite), plan)

    @property
    def every(self) -> Every:
        return self._plan.every

    def begin(self, step: int) -> None:
        """Drop audits of steps that will be done again; check suite and data before anything is trained."""
        from probes.planning.audit_plan import plan
        from probes.planning.cost import estimate

        # Audits of steps after the checkpoint belong to weights that no longer exist.
        drop_audits(self._out, after=step)
        self._dataset = data_of(self._plan.suite, self._suite, self._plan.data)
        estimate(plan(self._suite, self._dataset))

    def evaluate(self, report: StepReport, model: LoadedModel) -> list[Measure]:
        """Audit; the accuracy of each probe and the widest gap of each outcome by each attribute."""
        from probes.embeddings.embed import EmbeddingStore
        from probes.runner import run_suite

        # Every evaluation embeds with other weights, so that nothing of it is of use to a later run.
        with tempfile.TemporaryDirectory() as cache:
            records = run_suite(self._suite, model, self._dataset, store=EmbeddingStore(Path(cache)))
        result = AuditResult.from_records(records)
        write_audit(self._out, result, step=report.step, epoch=report.epoch)
        return [*_accuracies(result), *_widest(primary_gaps(result))]


def _restricted(suite: Suite, plan: AuditPlan) -> Suite:
    probes = [probe.model_copy(update={"where": {**probe.where, **plan.where}}) for probe in suite.probes]
    return suite.model_copy(update={"probes": probes})


def _accuracies(result: AuditResult) -> list[Measure]:
    return [
        Measure(name=f"{AUDIT_MEASURE}accuracy, {row['probe']}", value=row["rate"], n=row["n"])
        for row in primary_accuracy(result).to_dict("records")
    ]


def _widest(gaps: pd.DataFrame) -> list[Measure]:
    found = []
    keys = ["probe", "outcome", "by"]
    for key, part in gaps[gaps["difference"].notna()].groupby(keys, sort=False):
        widest = part["difference"].abs()
        n = part[["n_group", "n_reference"]].sum(axis=1)[widest == widest.max()].iloc[0]
        found.append(
            Measure(
                name=f"{AUDIT_MEASURE}widest gap, {', '.join(map(str, key))}", value=widest.max(), n=int(n)
            )
        )
    return found
