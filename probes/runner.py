"""Suite in, records out: select images, embed what is new, score every probe, gather the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.zoo import EmbeddingModel
from probes.confounding import PROTECTED, confounding
from probes.datasets.base import ID, DemographicDataset
from probes.datasets.embedded import EmbeddedDataset
from probes.embeddings import EmbeddedImages, EmbeddingStore, Progress, embed_dataset, embed_texts
from probes.given import given_prompts
from probes.label_sets import LabelSet
from probes.manifest import manifest
from probes.records import Records
from probes.schema import Probe, Suite
from probes.scoring import Head, Specification, Thresholds, ensemble, score, score_images
from probes.selection import TRUTH, Selection, select
from probes.tables import counts_table, curve_table, images_table, join_counts, join_excluded, join_images
from probes.templates import render

Prompts = tuple[str, ...]  # what one class is shown as under one template; several are ensembled


@dataclass(frozen=True)
class ProbePlan:
    """One probe, resolved against the data.

    Attributes
    ----------
    probe
        As written.
    designs
        The label set under each class design.
    selection
        The images, their truth and their cells.
    prompts
        (design, template) -> class name -> prompts.
    """

    probe: Probe
    designs: Mapping[str, LabelSet]
    selection: Selection
    prompts: Mapping[tuple[str, str], Mapping[str, Prompts]]

    @property
    def texts(self) -> set[str]:
        return {text for classes in self.prompts.values() for prompts in classes.values() for text in prompts}

    def events(self, design: str) -> dict[str, list[str]]:
        """Set events: every named set of some design, and every outcome that joins several sets."""
        members = self.designs[design].members()
        names = dict.fromkeys(name for other in self.designs.values() for name in other.sets)
        events = {name: members.get(name, []) for name in names}
        for name, outcome in self.probe.outcomes.items():
            if len(outcome.sets) > 1:
                events[name] = [member for set_name in outcome.sets for member in members.get(set_name, [])]
        return events


@dataclass(frozen=True)
class Plan:
    """What a suite would do with a data set: what `clip-audit probe check` prints."""

    suite: Suite
    dataset: DemographicDataset
    probes: list[ProbePlan]

    @property
    def rows(self) -> np.ndarray:
        """Rows of the data set that some probe asks about, each once."""
        return np.unique(np.concatenate([probe.selection.rows for probe in self.probes]))

    @property
    def texts(self) -> list[str]:
        """Prompts to embed, each once, in alphabetical order."""
        return sorted(set().union(*(probe.texts for probe in self.probes)))

    def table(self) -> pd.DataFrame:
        """One row a probe: images, designs, templates, classes, prompts, cells, images without a truth."""
        return pd.DataFrame(
            {
                "probe": plan.probe.name,
                "images": len(plan.selection.rows),
                "designs": len(plan.designs),
                "templates": len({template for _, template in plan.prompts}),
                "classes": max(len(design.names) for design in plan.designs.values()),
                "prompts": len(plan.texts),
                "cells": len(plan.selection.cells),
                "without_truth": plan.selection.n_without_truth,
            }
            for plan in self.probes
        )


def plan(suite: Suite, dataset: DemographicDataset) -> Plan:
    """Resolve a suite against a data set without a model.

    Raises
    ------
    UserError
        The suite and the data do not fit: see `probes.selection.select`.
    """
    return Plan(suite, dataset, [_plan_probe(suite, probe, dataset) for probe in suite.probes])


def _plan_probe(suite: Suite, probe: Probe, dataset: DemographicDataset) -> ProbePlan:
    designs = suite.designs(probe)
    prompts: Mapping[tuple[str, str], Mapping[str, Prompts]] = {
        (design, template): {
            item.name: tuple(render(text, item) for text in suite.template_texts[template])
            for item in label_set.classes
        }
        for design, label_set in designs.items()
        for template in probe.templates
    }
    if isinstance(dataset, EmbeddedDataset):
        prompts = given_prompts(probe, designs, prompts, dataset=dataset)
    return ProbePlan(probe, designs, select(probe, dataset, designs), prompts)


def _confounding(planned: Plan) -> list[str]:
    """What some probe compares by and what goes together with it in its images, a sentence each."""
    suite, dataset = planned.suite, planned.dataset
    of_interest = {*suite.attributes, *PROTECTED}
    names = [name for name in dataset.attributes if name in of_interest]
    sentences: dict[tuple[str, str], str] = {}
    for probe in planned.probes:
        rows = probe.selection.rows
        labels = pd.DataFrame({name: dataset.values(name).iloc[rows] for name in names})
        sentences = confounding(labels, probe.probe.attributes, derived=dataset.derived) | sentences
    return list(sentences.values())


def run_suite(
    suite: Suite,
    model: EmbeddingModel,
    dataset: DemographicDataset,
    *,
    store: EmbeddingStore | None = None,
    keep_images: bool = False,
    progress: Progress | None = None,
) -> Records:
    """Run every probe of a suite.

    Parameters
    ----------
    suite, model, dataset
        What is asked, of which model, on which data.
    store
        Where embeddings are kept between runs; the default folder if left out.
    keep_images
        Also return the per-image records.
    progress
        Called with what is being done, how many are done, and how many in all.

    Raises
    ------
    UserError
        The suite and the data do not fit, no image can be read, or the store cannot be written.
    """
    store = store or EmbeddingStore()
    planned = plan(suite, dataset)
    images = embed_dataset(model, dataset, planned.rows, store=store, progress=progress)
    texts = planned.texts
    embedded = dict(zip(texts, embed_texts(model, texts, store=store), strict=True))
    head = Head(scale=model.logit_scale, bias=model.logit_bias)
    results = []
    for number, probe in enumerate(planned.probes, start=1):
        results.append(_run_probe(probe, images, embedded, head=head, plan=planned, keep_images=keep_images))
        if progress:
            progress("probes", number, len(planned.probes))
    levels = {name: dataset.levels(name) for name in suite.attributes}
    return Records(
        manifest=manifest(
            suite,
            model,
            dataset,
            prompts={probe.probe.name: probe.prompts for probe in planned.probes},
            images=images,
            confounding=_confounding(planned),
        ),
        counts=join_counts([table for result in results for table in result.counts], levels),
        curves=join_counts([table for result in results for table in result.curves], levels),
        excluded=join_excluded([result.excluded for result in results], levels),
        images=join_images([table for result in results for table in result.images], levels)
        if keep_images
        else None,
    )


@dataclass(frozen=True)
class _ProbeResult:
    counts: list[pd.DataFrame]
    curves: list[pd.DataFrame]
    excluded: pd.DataFrame
    images: list[pd.DataFrame]


def _run_probe(
    planned: ProbePlan,
    images: EmbeddedImages,
    embedded: Mapping[str, np.ndarray],
    *,
    head: Head,
    plan: Plan,
    keep_images: bool,
) -> _ProbeResult:
    probe = planned.probe
    selection = planned.selection.without(images.unreadable)
    if not len(selection.rows):
        raise UserError(
            f"probe {probe.name!r}: none of its images can be read", remedy="check the image files"
        )
    vectors = images.embeddings[np.searchsorted(images.rows, selection.rows)]
    specifications, class_embeddings = _specifications(planned, embedded)
    thresholds = _thresholds(plan.suite, probe)
    totals = score(
        vectors, class_embeddings, specifications,
        cells=selection.cell, n_cells=len(selection.cells), head=head, thresholds=thresholds,
    )  # fmt: skip
    n = np.bincount(selection.cell, minlength=len(selection.cells))
    pairs = list(zip(specifications, totals, strict=True))
    counts = [
        counts_table(spec, total, cells=selection.cells, n=n, rules=probe.rules, thresholds=thresholds)
        for spec, total in pairs
    ]
    curves = [
        curve_table(spec, total, cells=selection.cells, n=n, thresholds=thresholds)
        for spec, total in pairs
        if len(thresholds.curve)
    ]
    labels = _image_labels(plan.dataset, selection)
    records = [
        images_table(spec, list(score_images(vectors, class_embeddings, spec, head=head)), labels=labels)
        for spec in (specifications if keep_images else [])
    ]
    return _ProbeResult(counts, curves, selection.excluded.assign(probe=probe.name), records)


def _thresholds(suite: Suite, probe: Probe) -> Thresholds:
    if "probability" not in probe.rules:
        return Thresholds()
    # Rounded, so that the points read 0.07 and not 0.07 and a rest.
    curve = np.linspace(0, 1, suite.curve).round(6)
    return Thresholds(named=np.sort(np.array(suite.thresholds)), curve=curve)


def _specifications(
    planned: ProbePlan, embedded: Mapping[str, np.ndarray]
) -> tuple[list[Specification], np.ndarray]:
    """One specification a design and template, and the embeddings of the classes they share."""
    # Sorted, so that not even the last bit of a matrix product depends on the order of the classes.
    distinct = sorted({prompts for classes in planned.prompts.values() for prompts in classes.values()})
    position = {prompts: i for i, prompts in enumerate(distinct)}
    specifications = []
    for (design, template), classes in planned.prompts.items():
        names = sorted(classes)
        specifications.append(
            Specification(
                key=(planned.probe.name, design, template),
                classes=tuple(names),
                columns=np.array([position[classes[name]] for name in names]),
                sets=planned.events(design),
            )
        )
    return specifications, np.stack([ensemble([embedded[text] for text in prompts]) for prompts in distinct])


def _image_labels(dataset: DemographicDataset, selection: Selection) -> pd.DataFrame:
    cells = selection.cells.iloc[selection.cell].reset_index(drop=True)
    frame = dataset.frame.iloc[selection.rows]
    clusters = dataset.clusters.iloc[selection.rows]
    return cells.assign(image_id=frame[ID].to_numpy(), cluster=clusters.to_numpy())[
        [ID, "cluster", *(name for name in cells if name != TRUTH), TRUTH]
    ]
