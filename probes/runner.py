"""Suite in, records out: embed what is new, score every probe, gather the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.progress import Progress
from probes.datasets.combinations import CombinedDataset
from probes.datasets.demographic_dataset import ID, DemographicDataset
from probes.datasets.downscaled import DownscaledDataset
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.embeddings.embed import EmbeddedImages, EmbeddingStore, embed_dataset, embed_texts
from probes.measures.handed_over import estimands_table, join_scalars, scalars_table
from probes.measures.measure_context import MeasureContext
from probes.measures.registry import KINDS
from probes.planning.audit_plan import MeasurePlan, Plan, ProbePlan, plan
from probes.planning.confounding import PROTECTED, confounding
from probes.planning.cost import estimate
from probes.planning.distinct_prompts import refuse_equal_prompts
from probes.planning.image_selection import TRUTH, Selection
from probes.planning.manifest import manifest
from probes.planning.population_weights import population_weights
from probes.records import Records, attribute_column
from probes.records.manifest_types import Confounding
from probes.scoring.annotation_rows import annotation_rows
from probes.scoring.cluster_tables import ProbeClusters, cluster_tables
from probes.scoring.count_tables import (
    Cells,
    counts_table,
    curve_table,
    images_table,
    join_counts,
    join_excluded,
    join_images,
    join_optional,
    pairs_table,
)
from probes.scoring.design_scores import Head
from probes.scoring.engine import Question, Scorer, score, score_images
from probes.scoring.outcome_bits import OutcomeBits
from probes.scoring.prompt_configurations import ask, calibrate, configure
from probes.scoring.threshold_ranks import RankLog
from probes.suite.classification_probe import MISCLASSIFIED
from probes.suite.suite import Suite

if TYPE_CHECKING:
    import torch

    from clipmodel.loading import EmbeddingModel


def _confounding(planned: Plan) -> list[Confounding]:
    """What some probe compares by and what is associated with it in its images."""
    suite, dataset = planned.suite, planned.dataset
    # Protected attributes too: a gap by one that is compared may be a gap by one that is not.
    of_interest = {*suite.attributes, *PROTECTED}
    names = [name for name in dataset.attributes if name in of_interest]
    derived = {attribute_column(name): attribute_column(of) for name, of in dataset.derived.items()}
    found: dict[tuple[str, str], Confounding] = {}
    for probe in planned.everything:
        labels, n = _labels_of(dataset, names, probe.selection.rows)
        compared = [attribute_column(name) for name in probe.probe.attributes]
        # The first probe that shows a pair is the one that is reported.
        found = confounding(labels, compared, derived=derived, n=n) | found
    return list(found.values())


def _labels_of(
    dataset: DemographicDataset, names: Sequence[str], rows: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Labels of rows; of very many, each combination once with the number of its images."""
    if not isinstance(dataset, CombinedDataset):
        return pd.DataFrame({attribute_column(n): dataset.values(n).iloc[rows] for n in names}), None
    combinations = dataset.combinations
    small = combinations.dataset(dataset)
    n = np.bincount(combinations.code[rows], minlength=len(combinations.n))
    return pd.DataFrame({attribute_column(name): small.values(name) for name in names}), n


def run_suite(
    suite: Suite,
    model: EmbeddingModel,
    dataset: DemographicDataset,
    *,
    store: EmbeddingStore | None = None,
    keep_images: bool = False,
    progress: Progress | None = None,
    device: str | torch.device = "cpu",
    scorer: Scorer | None = None,
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
    device
        Where the scores are computed.
    scorer
        What counts the answers, such as `probes.scoring.ray_scoring.RayScorer`; this process if left out.

    Returns
    -------
    Records
        Counts, by cluster too if images come in clusters, and what non-classification probes measured;
        checked by `probes.records.validate`. `AuditResult.from_records` concludes from them.

    Raises
    ------
    UserError
        The suite and the data do not fit, no image can be read, or the store cannot be written.
    """
    store = store or EmbeddingStore()
    planned = plan(suite, dataset)
    estimate(planned)  # refuses what `clip-audit probe check` refuses, before an image is read
    embed = partial(embed_dataset, model, store=store, progress=progress)
    apart = suite.confirmation
    embedded = dict(zip(planned.texts, embed_texts(model, planned.texts, store=store), strict=True))
    # Among predictions without scores, the classes that are never predicted share one stand-in.
    if not isinstance(dataset, EmbeddedDataset) or dataset.texts.unknown is None:
        refuse_equal_prompts(planned.probes, embedded)
    images = embed(dataset, planned.rows)
    if images.contents:
        # Byte-identical images form one cluster: they are not independent observations.
        dataset.note_copies(images.rows.tolist(), images.contents)
    run = _Run(
        plan=planned,
        model=model,
        images=images,
        embedded=embedded,
        # Only probes that ask for it pay for a second embedding at a lower resolution.
        shrunk=lambda rows, size: embed(DownscaledDataset(dataset, size), rows),
        held_out=None if apart is None else apart.held_out(dataset, seed=suite.seed),
        device=str(device),
        scorer=scorer or score,
    )
    results = []
    for number, probe in enumerate(planned.everything, start=1):
        if isinstance(probe, ProbePlan):
            results.append(_run_parts(probe, run, keep_images=keep_images))
        else:
            results.append(_run_measure(probe, run))
        if progress:
            progress("probes", number, len(planned.everything))
    return _records(run, results)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What every probe of a run is run on.

    Attributes
    ----------
    images, embedded
        The images that some probe asks about, and unit-norm embeddings [D] of every prompt.
    shrunk
        (rows, longer side in pixels) -> the images at a lower resolution.
    held_out
        [N] bool over the data set: held-out images to confirm findings; None where there are none.
    scorer
        What counts the answers of a probe.
    """

    plan: Plan
    model: EmbeddingModel
    images: EmbeddedImages
    embedded: Mapping[str, np.ndarray]
    shrunk: Callable[[np.ndarray, int], EmbeddedImages]
    held_out: np.ndarray | None
    device: str
    scorer: Scorer

    @property
    def head(self) -> Head:
        return Head(scale=self.model.logit_scale, bias=self.model.logit_bias)


def _records(run: _Run, results: Sequence[_ProbeResult]) -> Records:
    """The tables of all probes under each other, and the manifest."""
    suite, dataset, images = run.plan.suite, run.plan.dataset, run.images
    levels = {attribute_column(name): dataset.levels(name) for name in suite.attributes}

    def gathered(name: str) -> list[pd.DataFrame]:
        return [table for result in results for table in getattr(result, name)]

    return Records(
        manifest=manifest(
            suite,
            run.model,
            dataset,
            prompts={probe.probe.name: probe.prompts for probe in run.plan.probes},
            measured={probe.probe.name: probe.texts for probe in run.plan.measures},
            images=images,
            confounding=_confounding(run.plan),
            specifications={
                probe.probe.name: _log(probe, suite, 0).specifications for probe in run.plan.probes
            },
            n_confirmation=None if run.held_out is None else int(run.held_out[images.rows].sum()),
        ),
        counts=join_counts(gathered("counts"), levels),
        curves=join_counts(gathered("curves"), levels),
        excluded=join_excluded([result.excluded for result in results], levels),
        images=join_images(gathered("images"), levels) if gathered("images") else None,
        outcomes=join_optional("outcomes", gathered("outcomes"), levels) if gathered("outcomes") else None,
        annotations=annotation_rows(dataset, suite.attributes, images.rows),
        confirmation=None if run.held_out is None else join_counts(gathered("confirmation"), levels),
        **{
            name: join_optional(name, gathered(name), levels)
            for name in ("estimands", "pairs", "clusters", "moments")
        },
        **{
            name: None if run.held_out is None else join_optional(name, gathered(name), levels)
            for name in ("confirmation_clusters", "confirmation_moments")
        },
        scalars=join_scalars(gathered("scalars"), levels),
    )


@dataclass(frozen=True, kw_only=True)
class _ProbeResult:
    excluded: pd.DataFrame
    counts: list[pd.DataFrame] = field(default_factory=list)
    curves: list[pd.DataFrame] = field(default_factory=list)
    images: list[pd.DataFrame] = field(default_factory=list)
    estimands: list[pd.DataFrame] = field(default_factory=list)
    scalars: list[pd.DataFrame] = field(default_factory=list)
    pairs: list[pd.DataFrame] = field(default_factory=list)
    clusters: list[pd.DataFrame] = field(default_factory=list)
    moments: list[pd.DataFrame] = field(default_factory=list)
    confirmation_clusters: list[pd.DataFrame] = field(default_factory=list)
    confirmation_moments: list[pd.DataFrame] = field(default_factory=list)
    outcomes: list[pd.DataFrame] = field(default_factory=list)
    confirmation: list[pd.DataFrame] = field(default_factory=list)


def _readable(planned: ProbePlan | MeasurePlan, images: EmbeddedImages) -> Selection:
    """The images of a probe that could be read; UserError where none could."""
    selection = planned.selection.without(images.unreadable)
    if not len(selection.rows):
        raise UserError(
            f"probe {planned.probe.name!r}: none of its images can be read", remedy="check the image files"
        )
    return selection


def _run_measure(planned: MeasurePlan, run: _Run) -> _ProbeResult:
    probe, selection = planned.probe, _readable(planned, run.images)
    downscaled = {size: run.shrunk(selection.rows, size) for size in KINDS[probe.kind].sizes(probe)}
    context = MeasureContext(
        suite=run.plan.suite, dataset=run.plan.dataset, embedded=run.embedded, head=run.head,
        images=replace(run.images.of(selection.rows), downscaled=downscaled),
        weights=_weights(run, selection.rows, probe.name),
    )  # fmt: skip
    results = KINDS[probe.kind].run(probe, context)
    return _ProbeResult(
        excluded=selection.excluded.assign(probe=probe.name),
        estimands=[estimands_table(results)],
        scalars=[scalars_table(results)],
    )


def _run_parts(planned: ProbePlan, run: _Run, *, keep_images: bool) -> _ProbeResult:
    """Run a probe on the images that explore; of those held out, where there are any, keep the counts."""
    selection = _readable(planned, run.images)
    weights = _weights(run, selection.rows, planned.probe.name)
    if run.held_out is None:
        return _run_probe(planned, selection, run, keep_images=keep_images, weights=weights)
    apart = run.held_out[selection.rows]
    if apart.all() or not apart.any():
        side = "to explore" if apart.all() else "to confirm"
        raise UserError(
            f"probe {planned.probe.name!r}: the confirmation split leaves it no images {side}",
            remedy="choose other values or another share under 'confirmation', or narrow 'where'",
        )
    # Weights are of the whole probe: they sum to its images, not to those of each part.
    parts = [None if weights is None else weights[part] for part in (~apart, apart)]
    result = _run_probe(planned, selection.only(~apart), run, keep_images=keep_images, weights=parts[0])
    # Held-out images are in no table but those of the confirmation, so not among the records of images
    # either.
    second = _run_probe(planned, selection.only(apart), run, keep_images=False, weights=parts[1])
    return replace(
        result, confirmation=second.counts, confirmation_clusters=second.clusters,
        confirmation_moments=second.moments,
    )  # fmt: skip


def _weights(run: _Run, rows: np.ndarray, probe: str) -> np.ndarray | None:
    """[N] what the images of a probe count for; None if the suite names no population."""
    population = run.plan.suite.population
    return None if population is None else population_weights(population, run.plan.dataset, rows, probe=probe)


def _log(planned: ProbePlan, suite: Suite, n_images: int) -> OutcomeBits:
    question = ask(planned, suite)
    return OutcomeBits(
        n_images,
        keys=list(planned.prompts),
        thresholds={rule.name: rule.thresholds.tolist() for rule in question.rules},
        outcomes=list(question.outcomes),
    )


def _run_probe(
    planned: ProbePlan, selection: Selection, run: _Run, *, keep_images: bool, weights: np.ndarray | None
) -> _ProbeResult:
    """`weights` [N] are what the images count for in the population; None if they are as they are."""
    probe, head = planned.probe, run.head
    vectors = run.images.of(selection.rows).vectors
    question = ask(planned, run.plan.suite)
    configurations, class_embeddings = configure(planned, run.embedded, cells=selection.cells)
    # Each class's thresholds are set on the images at hand, before any of them is counted.
    for rule in question.rules:
        if rule.per_class:
            configurations = calibrate(
                configurations, vectors, class_embeddings,
                rule=rule, cells=selection.cell, device=run.device,
            )  # fmt: skip
    clusters = _clusters(run.plan.dataset, selection, weights)
    # Ranks of each image are kept only for the variance between clusters; without clusters, counts suffice.
    ranks = None if clusters is None else _rank_log(question, len(selection.rows), len(configurations))
    log = _log(planned, run.plan.suite, len(selection.rows))
    totals = run.scorer(
        vectors, class_embeddings, configurations,
        cells=selection.cell, n_cells=len(selection.cells), head=head, question=question,
        log=log, ranks=ranks, device=run.device,
    )  # fmt: skip
    n = np.bincount(selection.cell, minlength=len(selection.cells))
    cells = Cells(labels=selection.cells, n=n)
    pairs = list(zip(configurations, totals, strict=True))
    names = list(question.outcomes)
    labels = _image_labels(run.plan.dataset, selection) if keep_images or log.kept else pd.DataFrame()
    by_cluster: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
    if clusters is not None and ranks is not None:
        keys = [spec.key for spec in configurations]
        by_cluster = cluster_tables(ranks, clusters, keys=keys, outcomes=names, groups=probe.groups)
    return _ProbeResult(
        excluded=selection.excluded.assign(probe=probe.name),
        counts=[counts_table(spec, total, cells=cells, rules=question.rules) for spec, total in pairs],
        curves=[
            curve_table(spec, total, cells=cells, thresholds=question.curve)
            for spec, total in pairs
            if len(question.curve)
        ],
        images=[
            images_table(spec, list(score_images(vectors, class_embeddings, spec, head=head)), labels=labels)
            for spec in (configurations if keep_images else [])
        ],
        pairs=[
            pairs_table(configurations[0], spec, total, cells=cells, rules=question.rules, outcomes=names)
            # Changes are against the first specification alone: all pairs would be a table of their square.
            for spec, total in pairs[1:]
        ],
        clusters=by_cluster[0],
        moments=by_cluster[1],
        outcomes=log.tables(labels, probe=probe.name, weights=weights) if log.kept else [],
    )


def _clusters(
    dataset: DemographicDataset, selection: Selection, weights: np.ndarray | None
) -> ProbeClusters | None:
    """The clusters; None where no image is known to belong with another one and none has a weight."""
    if not dataset.has_clusters and weights is None:
        return None
    clusters = dataset.clusters
    # Rows of a selection ascend, each once: as many as there are need no copy.
    own = clusters if len(selection.rows) == len(clusters) else clusters.iloc[selection.rows]
    return ProbeClusters.of(selection, own, weights=weights)


def _rank_log(question: Question, n_images: int, n_specifications: int) -> RankLog:
    return RankLog(
        n_images, n_specifications=n_specifications, rules=question.rules, curve=question.curve,
        inverted=[event == MISCLASSIFIED for event in question.outcomes.values()],
    )  # fmt: skip


def _image_labels(dataset: DemographicDataset, selection: Selection) -> pd.DataFrame:
    cells = selection.cells.iloc[selection.cell].reset_index(drop=True)
    frame = dataset.frame.iloc[selection.rows]
    clusters = dataset.clusters.iloc[selection.rows]
    return cells.assign(image_id=frame[ID].to_numpy(), cluster=clusters.to_numpy())[
        [ID, "cluster", *(name for name in cells if name != TRUTH), TRUTH]
    ]
