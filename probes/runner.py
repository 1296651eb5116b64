"""Suite in, records out: embed what is new, score every probe, gather the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.zoo import EmbeddingModel
from probes.classification import Probe
from probes.confounding import PROTECTED, confounding
from probes.datasets.base import ID, DemographicDataset
from probes.datasets.coarse import CoarseDataset
from probes.embeddings import EmbeddedImages, EmbeddingStore, Progress, embed_dataset, embed_texts
from probes.kinds import KINDS
from probes.manifest import manifest
from probes.planning import MeasurePlan, Plan, ProbePlan, plan
from probes.records import Records
from probes.schema import Suite
from probes.scoring import Head, Specification, Thresholds, ensemble, score, score_images
from probes.selection import TRUTH, Selection
from probes.tables import (
    counts_table,
    curve_table,
    images_table,
    join_counts,
    join_excluded,
    join_images,
    join_optional,
    measures_table,
)


def _confounding(planned: Plan) -> list[str]:
    """What some probe compares by and what goes together with it in its images, a sentence each."""
    suite, dataset = planned.suite, planned.dataset
    of_interest = {*suite.attributes, *PROTECTED}
    names = [name for name in dataset.attributes if name in of_interest]
    sentences: dict[tuple[str, str], str] = {}
    for probe in planned.everything:
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

    def shrunk(rows: np.ndarray, size: int) -> np.ndarray:
        coarse = CoarseDataset(dataset, size)
        return embed_dataset(model, coarse, rows, store=store, progress=progress).embeddings

    results = []
    for number, probe in enumerate(planned.everything, start=1):
        if isinstance(probe, ProbePlan):
            result = _run_probe(probe, images, embedded, head=head, plan=planned, keep_images=keep_images)
        else:
            result = _run_measure(probe, images, embedded, head=head, plan=planned, shrunk=shrunk)
        results.append(result)
        if progress:
            progress("probes", number, len(planned.everything))
    levels = {name: dataset.levels(name) for name in suite.attributes}
    measured = [table for result in results for table in result.measures]
    per_image = [table for result in results for table in result.images]
    return Records(
        manifest=manifest(
            suite,
            model,
            dataset,
            prompts={probe.probe.name: probe.prompts for probe in planned.probes},
            measured={probe.probe.name: probe.texts for probe in planned.measures},
            images=images,
            confounding=_confounding(planned),
        ),
        counts=join_counts([table for result in results for table in result.counts], levels),
        curves=join_counts([table for result in results for table in result.curves], levels),
        excluded=join_excluded([result.excluded for result in results], levels),
        images=join_images(per_image, levels) if per_image else None,
        measures=join_optional("measures", measured, levels),
    )


@dataclass(frozen=True, kw_only=True)
class _ProbeResult:
    excluded: pd.DataFrame
    counts: list[pd.DataFrame] = field(default_factory=list)
    curves: list[pd.DataFrame] = field(default_factory=list)
    images: list[pd.DataFrame] = field(default_factory=list)
    measures: list[pd.DataFrame] = field(default_factory=list)


def _readable(planned: ProbePlan | MeasurePlan, images: EmbeddedImages) -> Selection:
    """The images of a probe that could be read; UserError where none could."""
    selection = planned.selection.without(images.unreadable)
    if not len(selection.rows):
        raise UserError(
            f"probe {planned.probe.name!r}: none of its images can be read", remedy="check the image files"
        )
    return selection


def _run_measure(
    planned: MeasurePlan,
    images: EmbeddedImages,
    embedded: Mapping[str, np.ndarray],
    *,
    head: Head,
    plan: Plan,
    shrunk: Callable[[np.ndarray, int], np.ndarray],
) -> _ProbeResult:
    probe, selection = planned.probe, _readable(planned, images)
    coarse = {size: shrunk(selection.rows, size) for size in KINDS[probe.kind].sizes(probe)}
    own = replace(images.of(selection.rows), coarse=coarse)
    table = KINDS[probe.kind].run(probe, plan.suite, plan.dataset, own, embedded, head)
    return _ProbeResult(
        excluded=selection.excluded.assign(probe=probe.name),
        measures=[measures_table(table, probe=probe.name, kind=probe.kind)],
    )


def _run_probe(
    planned: ProbePlan,
    images: EmbeddedImages,
    embedded: Mapping[str, np.ndarray],
    *,
    head: Head,
    plan: Plan,
    keep_images: bool,
) -> _ProbeResult:
    probe, selection = planned.probe, _readable(planned, images)
    vectors = images.of(selection.rows).embeddings
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
    excluded = selection.excluded.assign(probe=probe.name)
    return _ProbeResult(counts=counts, curves=curves, excluded=excluded, images=records)


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
