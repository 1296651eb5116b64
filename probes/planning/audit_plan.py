"""A suite resolved against a data set, without a model: what would be asked, of which images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probes.datasets.combinations import CombinedDataset
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.embeddings.precomputed import precomputed_prompts
from probes.measures.registry import KINDS
from probes.planning.image_selection import TRUTH, Selection, select
from probes.planning.membership_groupings import with_memberships
from probes.suite.classification_probe import Probe
from probes.suite.label_sets import LabelSet
from probes.suite.measure_probes import WithTruth
from probes.suite.probe_base import ProbeBase
from probes.suite.suite import Suite
from probes.suite.templates import render

# Of the bundled model and of the engine, on one core of a server of 2024.
IMAGES_A_SECOND, TEXTS_A_SECOND, SCORES_A_SECOND = 700, 1000, 1e7
Prompts = tuple[str, ...]  # what one class is shown as under one template; several are ensembled


@dataclass(frozen=True)
class ProbePlan:
    """One probe that classifies, resolved against the data.

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
    n_thresholds
        Pairs of rule and threshold that each of them is looked at under.
    """

    probe: Probe
    designs: Mapping[str, LabelSet]
    selection: Selection
    prompts: Mapping[tuple[str, str], Mapping[str, Prompts]]
    n_thresholds: int = 1

    @property
    def texts(self) -> set[str]:
        return {text for classes in self.prompts.values() for prompts in classes.values() for text in prompts}

    @property
    def n_specifications(self) -> int:
        """Specifications: designs x templates x rules x thresholds."""
        return len(self.prompts) * self.n_thresholds

    @property
    def n_scores(self) -> int:
        """Classes looked at: images x classes of all designs and templates x rules."""
        n_classes = sum(len(classes) for classes in self.prompts.values())
        return len(self.selection.rows) * n_classes * len(self.probe.rules)

    @property
    def classes_without_truth(self) -> list[str]:
        """Classes that stand for a truth that no selected image has: they can only be given wrongly."""
        truth = self.probe.truth
        if truth is None:
            return []
        present = set(self.selection.cells[TRUTH])
        items = {item.name: item for design in self.designs.values() for item in design.classes}
        return sorted(
            name
            for name, item in items.items()
            if (values := item.stands_for(truth)) and not present & set(values)
        )

    def events(self, design: str) -> dict[str, list[str]]:
        """Set events: every named set of some design, and every outcome that joins several sets."""
        members = self.designs[design].members()
        # Sets of all designs: a set that one design lacks is counted there too, with no image, so that
        # designs compare.
        names = dict.fromkeys(name for other in self.designs.values() for name in other.sets)
        events = {name: members.get(name, []) for name in names}
        for name, outcome in self.probe.outcomes.items():
            if len(outcome.sets) > 1:
                events[name] = [member for set_name in outcome.sets for member in members.get(set_name, [])]
        return events


@dataclass(frozen=True)
class MeasurePlan:
    """One probe that is no classification, resolved against the data.

    Attributes
    ----------
    probe
        As written.
    selection
        The images it asks about.
    texts
        The prompts it needs embedded.
    """

    probe: ProbeBase
    selection: Selection
    texts: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """What a suite would do with a data set: what `clip-audit probe check` prints."""

    suite: Suite
    dataset: DemographicDataset
    probes: list[ProbePlan]
    measures: list[MeasurePlan]

    @property
    def everything(self) -> list[ProbePlan | MeasurePlan]:
        """The probes of every kind, in the order of the suite."""
        by_name: dict[str, ProbePlan | MeasurePlan] = {planned.probe.name: planned for planned in self.probes}
        by_name |= {planned.probe.name: planned for planned in self.measures}
        return [by_name[probe.name] for probe in self.suite.probes]

    @property
    def rows(self) -> np.ndarray:
        """Rows of the data set that some probe asks about, each once."""
        # A byte a row, where sorting the rows of all probes would take sixteen of each.
        asked = np.zeros(len(self.dataset), bool)
        for planned in self.everything:
            asked[planned.selection.rows] = True
        return np.flatnonzero(asked)

    @property
    def texts(self) -> list[str]:
        """Prompts to embed, each once, in alphabetical order."""
        return sorted(set().union(*(planned.texts for planned in self.everything)))

    @property
    def seconds(self) -> float:
        """A rough guess at a run on one core with the bundled model, where nothing is stored yet."""
        scores = sum(planned.n_scores for planned in self.probes)
        return len(self.rows) / IMAGES_A_SECOND + len(self.texts) / TEXTS_A_SECOND + scores / SCORES_A_SECOND

    def table(self) -> pd.DataFrame:
        """A row per probe: images, designs, templates, classes, specifications, prompts, cells, no truth."""
        return pd.DataFrame([_counted(planned) for planned in self.everything])


def _counted(planned: ProbePlan | MeasurePlan) -> dict[str, object]:
    sizes = {"designs": 0, "templates": 0, "classes": 0, "specifications": 0}
    if isinstance(planned, ProbePlan):
        sizes = {
            "designs": len(planned.designs),
            "templates": len({template for _, template in planned.prompts}),
            "classes": max(len(design.names) for design in planned.designs.values()),
            "specifications": planned.n_specifications,
        }
    return {
        "probe": planned.probe.name,
        "images": len(planned.selection.rows),
        **sizes,
        "prompts": len(planned.texts),
        "cells": len(planned.selection.cells),
        "without_truth": planned.selection.n_without_truth,
    }


def plan(suite: Suite, dataset: DemographicDataset) -> Plan:
    """Resolve a suite against a data set without a model.

    Raises
    ------
    UserError
        The suite and the data do not fit: see `probes.planning.image_selection.select`.
    """
    suite = with_memberships(suite, dataset)
    classifying = [_plan_probe(suite, probe, dataset) for probe in suite.classification]
    others = [probe for probe in suite.probes if not isinstance(probe, Probe)]
    measures = [_plan_measure(suite, probe, dataset) for probe in others]
    return Plan(suite, dataset, classifying, measures)


def _selected(
    probe: ProbeBase, dataset: DemographicDataset, designs: Mapping[str, LabelSet] | None
) -> Selection:
    """The images of a probe; those of very many are looked up by their combination of values."""
    if not isinstance(dataset, CombinedDataset):
        return select(probe, dataset, designs)
    combinations = dataset.combinations
    # Attributes are compared once per combination of values: hundreds, instead of millions of images.
    return select(probe, combinations.dataset(dataset), designs).expanded(combinations.code)


def _plan_measure(suite: Suite, probe: ProbeBase, dataset: DemographicDataset) -> MeasurePlan:
    texts = frozenset(KINDS[probe.kind].texts(probe, suite, dataset))
    designs = {"default": probe.classes(suite)} if isinstance(probe, WithTruth) else None
    return MeasurePlan(probe, _selected(probe, dataset, designs), texts)


def _plan_probe(suite: Suite, probe: Probe, dataset: DemographicDataset) -> ProbePlan:
    designs = suite.designs(probe)
    prompts: Mapping[tuple[str, str], Mapping[str, Prompts]] = {
        (design, template): {
            item.name: tuple(render(text, item) for text in suite.template_texts[template])
            for item in label_set.classes
        }
        for design, label_set in designs.items()
        for template in suite.templates_of(probe)
    }
    if isinstance(dataset, EmbeddedDataset):
        prompts = precomputed_prompts(probe, designs, prompts, dataset=dataset)
    # A rule without thresholds is one specification a design and template.
    n_thresholds = sum(len(suite.thresholds_of(rule)) or 1 for rule in probe.rules)
    return ProbePlan(probe, designs, _selected(probe, dataset, designs), prompts, n_thresholds)
