"""The methods of one `clip-audit mitigate`: fitted on one half, the suite asked again of the other half."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from audit.report.html import fill_template, frames_as_json
from audit.report.sections.mitigation import mitigation_page
from audit.result import AuditResult
from clipmodel.atomic_files import replace_folder
from clipmodel.errors import UserError
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
    """

    embedded: Embedded
    attribute: str
    words: dict[str, tuple[str, ...]]
    others: Mapping[str, Embedded] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data = self.embedded.fit_data(self.attribute, self.words)
        self.measured = self.embedded.half(fit=False)
        self.before = _answered_before(self.embedded, self.measured)
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
        self.before_elsewhere = {
            name: _answered_before(other, other.dataset) for name, other in self.others.items()
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
        return rankings_of(side.manifest, side.scalars, attributes)

    def add(self, name: str) -> None:
        """Fit a method and measure it; one that does not suit the data gets a row that says why."""
        try:
            if name in RERANKERS:
                self._add_reranking(name)
            elif name == CLASS_DESIGN:
                self._add_row(name, Pair.of(self.before, self.before, designs=self._designs()))
            elif name in ANSWER_METHODS:
                after, note = self._answered(ANSWER_METHODS[name]())
                self._add_row(name, Pair.of(self.before, after), note=note)
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
        self._add_row(name, Pair.of(self.before, after), leak=leak, retrieval=retrieval, note=note)
        self._add_rankings(name, self._rankings(after))
        self.fitted[name] = fitted
        self._measure_elsewhere(name, fitted)

    def _add_row(
        self, name: str, pair: Pair, *, leak: tuple[Any, Any] | None = None,
        retrieval: Mapping[str, Paired] | None = None, note: str = "",
    ) -> None:  # fmt: skip
        gaps = gap_rows(name, pair)
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
        self.costs.append({**row, **sizes, "note": method.caution})

    def _add_rankings(self, name: str, after: Sequence[Ranking]) -> None:
        seed = self.embedded.suite.seed
        self.ranked += [
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

    def _answered(self, method: AnswerMethod) -> tuple[Answered, str]:
        """The suite with the answers of a method, and which probes it left as they are."""
        found = answer(self.embedded, method, self.attribute)
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
            methods=_described(tables["cost"]["method"]), transfer=tables.get("transfer"),
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


def _answered_before(embedded: Embedded, dataset: EmbeddedDataset) -> Answered:
    records = embedded.ask(dataset)
    result = AuditResult.from_records(records)
    return Answered(
        manifest=result.manifest, outcomes=result.outcomes, gaps=result.gaps, scalars=records.scalars
    )


def _share(codes: np.ndarray) -> float:
    """Of the largest group: what a classifier without any information reaches."""
    return float(np.bincount(codes).max() / len(codes))


def _described(names: pd.Series) -> dict[str, dict[str, str]]:
    """What the page says of each method."""
    known: Mapping[str, Any] = {**METHODS, **ANSWER_METHODS, **RERANKERS}
    return {
        name: {
            "about": f"{known[name].about} {getattr(known[name], 'caution', '')}".strip(),
            "source": known[name].source,
        }
        for name in names
        if name != CLASS_DESIGN
    }
