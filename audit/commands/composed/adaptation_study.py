"""Adaptation: a linear classifier fitted on one set, asked of others, and of every disparity of a suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from audit.commands.composed.evaluation_runs import ModelRun, Options, open_evaluation_set
from audit.commands.composed.evaluation_studies import group_columns, zero_shot_right
from audit.commands.console.suite_data import data_of
from audit.csv_cells import write_csv
from audit.evaluation.studies.adaptation import accuracy_row, gap_changes
from audit.evaluation.studies.adaptation_page import adaptation_page
from audit.mitigation.mitigation_tables import MITIGATION_COLUMNS, Answered, Pair, gap_rows
from audit.report.html import fill_template, frames_as_json
from audit.result import AuditResult
from audit.statistics.multiplicity import holm
from clipmodel.errors import UserError

if TYPE_CHECKING:
    from probes.mitigation.methods.linear_classifier import ForeignClassifier

SUITE_COLUMNS = ("fitted_on", *(name for name in MITIGATION_COLUMNS if name != "method"))


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """What a linear classifier changes.

    Attributes
    ----------
    accuracy
        One row per set; see `audit.evaluation.studies.adaptation.accuracy_row`.
    gaps
        Differences between groups of the sets' own metadata; see `studies.adaptation.gap_changes`.
    suite
        Columns `SUITE_COLUMNS`: one row per disparity of the suite; without rows if no suite was named.
    about
        model, fit, suite, data, images_fitted: words for the page.
    notes
        Probes that a linear classifier cannot answer, and why.
    """

    accuracy: pd.DataFrame
    gaps: pd.DataFrame
    suite: pd.DataFrame
    about: dict[str, str]
    notes: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """adaptation, gap_changes and suite_changes as CSV, and report.html."""
        tables = {"adaptation": self.accuracy, "gap_changes": self.gaps, "suite_changes": self.suite}
        for name, table in tables.items():
            write_csv(table, folder / f"{name}.csv")
        page = adaptation_page(self.accuracy, self.gaps, self.suite, about=self.about, notes=self.notes)
        data = frames_as_json(tables)
        html = fill_template("adaptation.html.j2", page, data=data)
        (folder / "report.html").write_text(html, encoding="utf-8")


def adapt(
    run: ModelRun, fit: str | None, on: Sequence[str], options: Options, *, cache: Path, suite: str | None,
    data: str | None,
) -> Adaptation:  # fmt: skip
    """Fit on a set, ask other sets zero-shot and adapted, then a suite.

    Parameters
    ----------
    fit, on
        Sets of the same classes; the train split of the first is fitted.
    suite, data
        The suite whose disparities are compared, and its data set if not its own.

    Raises
    ------
    UserError
        The sets have other classes, no labels, or nothing is asked.
    """
    if (fit is None or not on) and suite is None:
        raise UserError("nothing to fit and ask", remedy="give --fit SET --on SET, --suite SUITE, or both")
    classifier, accuracy, gaps = None, pd.DataFrame(), pd.DataFrame()
    about = dict.fromkeys(("images_fitted", "suite", "data", "measured"), "")
    about |= {"model": run.model.name, "fit": fit or ""}
    if fit is not None:
        classifier, n_images = _fitted(run, fit, options, cache=cache)
        about["images_fitted"] = f"{n_images:,}"
        accuracy, gaps = _asked(run, classifier, on, options, cache=cache)
    changes, notes = pd.DataFrame(columns=list(SUITE_COLUMNS)), list[str]()
    if suite is not None:
        changes, notes, words = _suite_changes(run, classifier, suite, data)
        about |= words
    return Adaptation(accuracy=accuracy, gaps=gaps, suite=changes, about=about, notes=notes)


def _fitted(run: ModelRun, fit: str, options: Options, *, cache: Path) -> tuple[ForeignClassifier, int]:
    from clipmodel.evaluation.linear_probe.search import fit_probe
    from probes.mitigation.methods.linear_classifier import ForeignClassifier

    training = open_evaluation_set(fit, options, cache=cache, split="train")
    if training.truth is None:
        raise UserError(f"{training.where}: no labels to fit", remedy="give a labelled set with --fit")
    # The paper's linear probes use the features before the projection (Radford et al. 2021, appendix A.3).
    own = run.embed(training, features=True)
    probe = fit_probe(
        own.embeddings, training.truth[own.rows], classes=len(training.classes), seed=options.seed
    )
    return ForeignClassifier(probe.classifier, training.classes, where=fit), len(own.rows)


def _asked(
    run: ModelRun, classifier: ForeignClassifier, on: Sequence[str], options: Options, *, cache: Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accuracy zero-shot and adapted on each set, and the change of every difference between its groups."""
    from probes.mitigation.methods.linear_classifier import scores_of

    rows: list[dict[str, object]] = []
    gaps: list[pd.DataFrame] = []
    for name in on:
        opened = open_evaluation_set(name, options, cache=cache)
        # By name and in order: the classifier's rows are the classes of the set it was fitted on.
        if [names[0] for names in opened.classes] != classifier.names:
            raise UserError(
                f"{opened.where}: other classes than {classifier.where}",
                remedy="fit and ask the same classes",
            )
        images, features = run.embed(opened), run.embed(opened, features=True)
        assert opened.truth is not None
        truth = opened.truth[images.rows]
        before = zero_shot_right(run, opened, images)
        after = scores_of(classifier.classifier, features.embeddings).argmax(axis=1) == truth
        clusters = None if opened.clusters is None else [opened.clusters[row] for row in images.rows]
        rows.append(accuracy_row(opened.name, before, after, clusters))
        groups = group_columns(opened, images.rows)
        if groups is not None:
            gaps.append(gap_changes(opened.name, before, after, groups, clusters))
    accuracy = pd.DataFrame(rows)
    if len(accuracy):
        # One family: the same classifier is asked of every set.
        accuracy["p_adjusted"] = holm(accuracy["p"].to_numpy(dtype=float))
    return accuracy, pd.concat(gaps, ignore_index=True) if gaps else pd.DataFrame()


def _suite_changes(
    run: ModelRun, classifier: ForeignClassifier | None, suite: str, data: str | None
) -> tuple[pd.DataFrame, list[str], dict[str, str]]:
    """The change of every gap of a suite, on the half of its images that fitted nothing."""
    from probes.mitigation.answering import answer
    from probes.mitigation.apply import embed_suite
    from probes.mitigation.methods.linear_classifier import OwnOrForeign
    from probes.suite.suite import load_suite

    questions = load_suite(suite)
    dataset = data_of(suite, questions, data)
    embedded = embed_suite(
        questions, run.model, dataset, store=run.store, progress=run.progress, before_projection=True
    )
    method = OwnOrForeign(classifier)
    after = answer(embedded, method)
    # Images that fitted nothing: a classifier knows the answers of those it was fitted on.
    measured = embedded.half(fit=False)
    before = AuditResult.from_records(embedded.ask(measured))
    pair = Pair.of(
        Answered(manifest=before.manifest, outcomes=before.outcomes, gaps=before.gaps),
        Answered.of_several(after.records),
    )
    table = gap_rows(method.name, pair)
    table = table.assign(fitted_on=table["probe"].map(method.fitted_on))[list(SUITE_COLUMNS)]
    notes = [f"The probe {name} stays zero-shot: {why}." for name, why in after.not_applied.items()]
    notes += [f"The probe {name} needs the images themselves and is left out." for name in embedded.left_out]
    about: dict[str, Any] = {
        "suite": questions.title or questions.suite, "data": dataset.card.title,
        "measured": f"{len(measured):,} images; {int(embedded.fitted_on.sum()):,} others may be fitted on",
    }  # fmt: skip
    return table, notes, about
