"""The methods of one `clip-audit mitigate`: fitted on one half, the suite asked again of the other half."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.csv_cells import write_csv
from audit.mitigation.mitigation_tables import (
    Answered,
    Pair,
    Paired,
    correctness,
    cost_frame,
    cost_row,
    gap_frame,
    gap_rows,
    transfer_frame,
)
from audit.mitigation.ranking_changes import Ranking, ranking_frame, ranking_rows, rankings_of
from audit.mitigation.ranking_costs import ranking_cost
from audit.mitigation.retrained_models import OverRuns, retrained_cost, retrained_rows, right_of_runs
from audit.report.html import fill_template, frames_as_json
from audit.report.sections.mitigation import mitigation_page
from audit.result import AuditResult
from clipmodel.atomic_files import replace_folder
from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import ID
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.mitigation.answer_fitting import AnswerMethod
from probes.mitigation.answering import answer
from probes.mitigation.apply import Embedded
from probes.mitigation.caption_retrieval import IMAGE_TO_TEXT, TEXT_TO_IMAGE, Captions, Found
from probes.mitigation.class_design import least_gap_designs
from probes.mitigation.fitting import UnsuitableError
from probes.mitigation.leakage import leakage
from probes.mitigation.method_registry import ANSWER_METHODS, CLASS_DESIGN, METHODS
from probes.mitigation.methods.reranking import RERANKERS
from probes.mitigation.relevant_images import relevant_images
from probes.mitigation.transform import Mitigation
from probes.records import attribute_column

TABLES: Final = ("mitigation", "cost", "transfer", "ranking")
FILES: Final = (*(f"{name}.{suffix}" for name in TABLES for suffix in ("csv", "parquet")), "report.html")
RETRIEVAL: Final = {IMAGE_TO_TEXT: "image_to_text", TEXT_TO_IMAGE: "text_to_image"}


@dataclass
class MitigationStudy:
    """The methods of one run, and what came of them.

    Parameters
    ----------
    embedded
        The suite and its data.
    attribute
        The attribute whose gaps are to be lowered.
    words
        Group -> words for it, for methods that use texts.
    others
        Name -> the suite on other data, on which fitted methods are measured as well.
    seeds
        How many seeds each method is fitted with, the suite's first; all figures but `narrower_in_seeds` are
        of that one.
    further_runs
        The suite on the same data by further training runs of the model.
    retrained
        Name -> the suite on the same data by one or more models that were trained otherwise.
    """

    embedded: Embedded
    attribute: str
    words: dict[str, tuple[str, ...]]
    others: Mapping[str, Embedded] = field(default_factory=dict)
    seeds: int = 1
    further_runs: Sequence[Embedded] = ()
    retrained: Mapping[str, Sequence[Embedded]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data = self.embedded.fit_data(self.attribute, self.words)
        self.measured = self.embedded.half(fit=False)
        self.before = answered_before(self.embedded, self.measured)
        self.rankings = self._rankings(self.before)
        values = self.measured.values(self.attribute)
        self.known = values.notna().to_numpy()
        self.codes = values[self.known].factorize()[0]
        self.all_clusters = np.asarray(self.measured.clusters.factorize()[0], dtype=np.int64)
        self.clusters = np.asarray(self.measured.clusters[self.known].factorize()[0], dtype=np.int64)
        self.leakage_before = self._leakage(self.measured.embeddings)
        self.captions = self._captions()
        if self.captions is not None:
            self.found_before = self._found(self.measured.embeddings, self.captions.vectors)
        self.gaps: list[pd.DataFrame] = []
        self.costs: list[dict[str, Any]] = []
        self.fitted: dict[str, Mitigation] = {}
        self.transfers: list[pd.DataFrame] = []
        self.ranked: list[pd.DataFrame] = []
        self.runs_before: list[_Run] = []
        self.before_elsewhere = {
            name: answered_before(other, other.dataset) for name, other in self.others.items()
        }

    def _leakage(self, images: np.ndarray) -> dict[str, Any]:
        return leakage(images[self.known], self.codes, self.clusters, seed=self.embedded.suite.seed)

    def _captions(self) -> Captions | None:
        whole = self.embedded.captions
        return None if whole is None else whole.of(~self.embedded.fitted_on)

    def _found(self, images: np.ndarray, vectors: np.ndarray) -> dict[str, Found]:
        assert self.captions is not None
        return self.captions.found(images, vectors, self.all_clusters)

    def _rankings(self, side: Answered) -> list[Ranking]:
        attributes = [attribute_column(name) for name in self.embedded.suite.attributes]
        found = rankings_of(side.manifest, side.scalars, attributes)
        return [replace(one, relevant=relevant_images(self.measured, one)) for one in found]

    def add(self, name: str) -> None:
        """Fit a method and measure it; one that does not suit the data gets a row that says why."""
        try:
            if name in RERANKERS:
                self._add_reranking(name)
            elif name == CLASS_DESIGN:
                self._add_row(name, Pair.of(self.before, self.before, designs=self._designs()))
            elif name in ANSWER_METHODS:
                after, note = self._answered(ANSWER_METHODS[name]())
                others = [self._answered(ANSWER_METHODS[name](), seed=seed)[0] for seed in self._other_seeds]
                self._add_row(name, Pair.of(self.before, after), others=others, note=note)
            else:
                self._add_fitted(name)
        except UserError as error:
            # Unsuitable, or what it leaves cannot be asked: two classes may have become one text.
            self.costs.append({"method": name, "attribute": self.attribute, "note": str(error)})

    def _add_fitted(self, name: str) -> None:
        fitted = METHODS[name]().fit(self.data)
        changed = self.embedded.changed(self.measured, fitted)
        after = Answered.of(self.embedded.ask(changed))
        leak = (self.leakage_before, self._leakage(changed.embeddings))
        retrieval, note = self._retrieval(changed, fitted)
        ranked = self._ranked(name, self._rankings(after))
        others = [self._fitted_again(name, seed) for seed in self._other_seeds]
        self._add_row(
            name, Pair.of(self.before, after), leak=leak, retrieval=retrieval, others=others, note=note
        )
        self.costs[-1] |= ranking_cost(ranked)
        self.ranked += ranked
        self.fitted[name] = fitted
        self._measure_elsewhere(name, fitted)

    def add_retrained(self, name: str) -> None:
        """Measure the models of `retrained` of a name against the training runs there are of the model."""
        if not self.runs_before:
            own = _Run(self.before, self.leakage_before)
            self.runs_before = [own, *(self._run(model) for model in self.further_runs)]
        first, second = self.runs_before, [self._run(model) for model in self.retrained[name]]
        answers = [run.answers for run in first], [run.answers for run in second]
        gaps = retrained_rows(name, *answers)
        measured: dict[str, OverRuns | None] = {"utility": right_of_runs(*answers)}
        for column, kind in (("leakage", "linear"), ("nonlinear", "nonlinear")):
            sides = [np.stack([run.leakage[kind] for run in side]) for side in (first, second)]
            measured[column] = (sides[0], sides[1], self.clusters)
        cost = retrained_cost(
            name, gaps, attribute=self.attribute, chance=_share(self.codes), measured=measured
        )
        self.gaps.append(gaps)
        self.costs.append(cost)

    def _run(self, model: Embedded) -> _Run:
        half = model.half(fit=False)
        if not np.array_equal(half.frame[ID].to_numpy(), self.measured.frame[ID].to_numpy()):
            raise UserError(
                f"{model.model.name} was asked of other images than {self.embedded.model.name}",
                remedy="give models that can read the same images",
            )
        return _Run(Answered.of(model.ask(half)), self._leakage(half.embeddings))

    def _add_row(
        self, name: str, pair: Pair, *, leak: tuple[Any, Any] | None = None,
        retrieval: Mapping[str, Paired] | None = None, others: Sequence[Answered] = (), note: str = "",
    ) -> None:  # fmt: skip
        gaps = gap_rows(name, pair, other_seeds=[Pair.of(self.before, after) for after in others])
        row = cost_row(
            name, gaps, attribute=self.attribute, leakage=leak, chance=_share(self.codes),
            clusters=self.clusters, utility=correctness(pair), retrieval=retrieval,
        )  # fmt: skip
        self.gaps.append(gaps)
        self.costs.append(row | {"note": note})

    def _add_reranking(self, name: str) -> None:
        if not self.rankings:
            raise UnsuitableError("the suite has no ranking probe", remedy="add one of kind: ranking")
        method = RERANKERS[name]()
        tables = [
            ranking_rows(
                name, one, one, reranker=method, attribute=self.attribute, seed=self.embedded.suite.seed
            )
            for one in self.rankings
            if (attribute_column(self.attribute),) in one.groupings
        ]
        if not tables:
            raise UnsuitableError(
                f"no ranking probe is split by {self.attribute}", remedy="add the attribute to its groups"
            )
        self.ranked += tables
        row = {"method": name, "attribute": self.attribute, "chance": _share(self.codes)}
        sizes = {"n": len(self.measured), "clusters": len(np.unique(self.all_clusters))}
        self.costs.append({**row, **sizes, **ranking_cost(tables), "note": method.caution})

    def _ranked(self, name: str, after: Sequence[Ranking]) -> list[pd.DataFrame]:
        seed = self.embedded.suite.seed
        return [
            ranking_rows(name, one, other, seed=seed)
            for one, other in zip(self.rankings, after, strict=True)
        ]  # fmt: skip

    def _retrieval(
        self, changed: EmbeddedDataset, fitted: Mitigation
    ) -> tuple[dict[str, Paired] | None, str]:
        """Recall of captions before and after; None and the reason if captions cannot be changed."""
        if self.captions is None:
            return None, ""
        texts = self.captions.texts
        try:
            vectors = fitted.texts(texts, self.captions.vectors, self.embedded.encode)
        except UserError as error:
            return None, f"no recall of captions: {error}"
        after = self._found(changed.embeddings, vectors)
        return {
            RETRIEVAL[way]: (one.found, after[way].found, one.cluster)
            for way, one in self.found_before.items()
        }, ""

    def _measure_elsewhere(self, name: str, fitted: Mitigation) -> None:
        """What a fitted method does to the gaps of other data, none of which it was fitted on."""
        for other, embedded in self.others.items():
            after = Answered.of(embedded.ask(embedded.changed(embedded.dataset, fitted)))
            rows = gap_rows(name, Pair.of(self.before_elsewhere[other], after))
            self.transfers.append(rows.assign(data=embedded.dataset.card.title))

    @property
    def _other_seeds(self) -> range:
        return range(self.data.seed + 1, self.data.seed + self.seeds)

    def _fitted_again(self, name: str, seed: int) -> Answered:
        """The suite after a method that is fitted with another seed."""
        fitted = METHODS[name]().fit(replace(self.data, seed=seed))
        return Answered.of(self.embedded.ask(self.embedded.changed(self.measured, fitted)))

    def _answered(self, method: AnswerMethod, seed: int | None = None) -> tuple[Answered, str]:
        """The suite with the answers of a method, and which probes it left as they are."""
        found = answer(self.embedded, method, self.attribute, seed=seed)
        left = "; ".join(f"not {probe}: {why}" for probe, why in found.not_applied.items())
        return Answered.of_several(found.records), " ".join(filter(None, (method.caution, left)))

    def _designs(self) -> dict[str, str]:
        chosen = least_gap_designs(self.embedded.ask(self.embedded.half(fit=True)), self.attribute)
        if not chosen:
            message = f"no probe has several class designs and compares by {self.attribute}"
            raise UnsuitableError(message, remedy="add designs to the suite")
        return dict(chosen)

    def tables(self) -> dict[str, pd.DataFrame]:
        """By name: mitigation and cost, and, where there is something in them, transfer and ranking."""
        found = {"mitigation": gap_frame(self.gaps), "cost": cost_frame(self.costs)}
        if self.others:
            found["transfer"] = transfer_frame(self.transfers)
        if self.ranked:
            found["ranking"] = ranking_frame(self.ranked)
        return found

    def write(self, folder: Path) -> dict[str, pd.DataFrame]:
        """Write tables, page and fitted methods, whole or not at all, and return the tables."""
        tables = self.tables()
        page = mitigation_page(
            tables["mitigation"], tables["cost"], about=self._about(),
            methods=_described(tables["cost"]["method"], self.retrained), transfer=tables.get("transfer"),
            ranking=tables.get("ranking"),
        )  # fmt: skip
        html = fill_template("mitigation.html.j2", page, data=frames_as_json(tables))

        def fill(content: Path) -> None:
            for name, table in tables.items():
                table.to_parquet(content / f"{name}.parquet", index=False)
                write_csv(table, content / f"{name}.csv")
            (content / "report.html").write_text(html, encoding="utf-8")
            for name, fitted in self.fitted.items():
                fitted.save(content / f"{name}.safetensors")

        owned = {*FILES, *(f"{name}.{suffix}" for name in METHODS for suffix in ("safetensors", "yaml"))}
        replace_folder(folder, fill, owned=lambda name: name in owned)
        return tables

    def _about(self) -> dict[str, Any]:
        return {
            "suite": self.embedded.suite.suite, "model": self.embedded.model.name,
            "data": self.embedded.dataset.card.title, "attribute": self.attribute,
            "fitted": len(self.data.images), "measured": len(self.measured),
        }  # fmt: skip


@dataclass(frozen=True)
class _Run:
    """One training run on the measured half."""

    answers: Answered
    leakage: dict[str, Any]


def answered_before(embedded: Embedded, dataset: EmbeddedDataset) -> Answered:
    """What the model answers without a mitigation, with the gaps and rates of its audit."""
    records = embedded.ask(dataset)
    result = AuditResult.from_records(records)
    return Answered(
        manifest=result.manifest, outcomes=result.outcomes, gaps=result.gaps, scalars=records.scalars,
        rates=result.rates,
    )  # fmt: skip


def _share(codes: np.ndarray) -> float:
    """Of the largest group: what a classifier without any information reaches."""
    return float(np.bincount(codes).max() / len(codes))


def _described(names: pd.Series, retrained: Mapping[str, Sequence[Embedded]]) -> dict[str, dict[str, str]]:
    """What the page says of each method."""
    known: Mapping[str, Any] = {**METHODS, **ANSWER_METHODS, **RERANKERS}
    found = {}
    for name in names:
        if name in retrained:
            models = ", ".join(one.model.name for one in retrained[name])
            found[name] = {"about": f"Trained otherwise: {models}.", "source": "the recipes of these models"}
        elif name != CLASS_DESIGN:
            about = f"{known[name].about} {getattr(known[name], 'caution', '')}".strip()
            found[name] = {"about": about, "source": known[name].source}
    return found
