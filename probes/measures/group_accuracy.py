"""Accuracy probes: top-K by group and bucket, the worst group, and pictures made coarser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.base import DemographicDataset
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.measures.context import Given, Row, attribute_values, class_prompts, texts_of, vectors
from probes.measures.rate_rows import rate_row, rate_rows
from probes.metrics.group_accuracy import buckets, group_rates, top_k_hits, worst_group
from probes.records import ALL, attribute_column
from probes.suite.measure_probes import GroupAccuracyProbe, PictureSizeProbe, WithTruth
from probes.suite.probe_base import ProbeBase
from probes.suite.suite import Suite


def texts(probe: WithTruth, suite: Suite, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes; UserError where the data do not fit the probe.

    An attribute is missing, a bucketed one holds no numbers, or no class stands for a value of the truth.
    """
    present = set(attribute_values(probe, dataset, probe.truth).dropna())
    if not present & probe.classes(suite).covered(probe.truth):
        raise UserError(
            f"probe {probe.name!r}: no image has a {probe.truth} that a class stands for",
            remedy=f"the data have {', '.join(sorted(present)[:10])}",
        )
    if isinstance(probe, PictureSizeProbe) and isinstance(dataset, EmbeddedDataset):
        raise UserError(
            f"probe {probe.name!r}: the kind 'picture_size' needs pictures, the file holds none",
            remedy="give a data set of images, or take the probe out",
        )
    if isinstance(probe, GroupAccuracyProbe):
        for attribute in probe.buckets:
            _numbers(probe, dataset, attribute)
    return texts_of(class_prompts(probe, suite, dataset))


def _numbers(probe: ProbeBase, dataset: DemographicDataset, attribute: str) -> np.ndarray:
    values = attribute_values(probe, dataset, attribute)
    numbers = pd.to_numeric(values, errors="coerce")
    if bool((numbers.isna() & values.notna()).any()):
        odd = values[numbers.isna() & values.notna()].iloc[0]
        raise UserError(
            f"probe {probe.name!r}: {attribute} {odd!r} is no number",
            remedy=f"take {attribute!r} out of 'buckets', or mend the data",
        )
    return numbers.to_numpy(float)


def _right(probe: WithTruth, suite: Suite, dataset: DemographicDataset, rows: np.ndarray) -> np.ndarray:
    """[N] the place of the class that stands for the truth of each row; rows without one are not selected.

    Where several classes stand for one value, the first by name does: one answer is right here.
    """
    place: dict[str, int] = {}
    for i, item in enumerate(sorted(probe.classes(suite).classes, key=lambda item: item.name)):
        for value in item.stands_for(probe.truth):
            place.setdefault(value, i)
    return dataset.values(probe.truth).iloc[rows].map(place).to_numpy(int)


def run_group_accuracy(probe: GroupAccuracyProbe, given: Given) -> pd.DataFrame:
    """Top-K accuracy over all, by group and by bucket, and the worst group of each division."""
    rows: list[Row] = []
    for template, shown in class_prompts(probe, given.suite, given.dataset).items():
        truth = _right(probe, given.suite, given.dataset, given.images.rows)
        similarities = given.images.similarities(vectors(shown, given.embedded))
        for k in [k for k in probe.k if k < len(shown)]:
            hits = top_k_hits(similarities, truth, k)
            found = list(rate_rows(probe, given.dataset, given.images.rows, f"top-{k} accuracy", hits))
            found += list(_bucketed(probe, given.dataset, given.images.rows, f"top-{k} accuracy", hits))
            found += list(_worst(probe, found, f"top-{k} accuracy"))
            rows += [one | {"template": template, "k": k} for one in found]
    if not rows:
        raise UserError(
            f"probe {probe.name!r}: every K reaches all classes, so every image would be right",
            remedy="lower 'k'",
        )
    return pd.DataFrame(rows)


def _bucketed(
    probe: GroupAccuracyProbe, dataset: DemographicDataset, rows: np.ndarray, metric: str, hits: np.ndarray
) -> Iterator[Row]:
    for attribute, cuts in probe.buckets.items():
        codes, names = buckets(_numbers(probe, dataset, attribute)[rows], cuts)
        inside = codes >= 0
        rates = group_rates(hits[inside], codes[inside], n_groups=len(names))
        for i, name in enumerate(names):
            note = f"cut points {', '.join(f'{cut:g}' for cut in cuts)}"
            more = {"item": f"{attribute} {name}", "note": note}
            yield rate_row(probe, metric, tuple(part[i] for part in rates), {}, more)


def _worst(probe: ProbeBase, rows: Sequence[Row], metric: str) -> Iterator[Row]:
    """The worst group of each division: of those with enough images, the one of the lowest accuracy."""
    divisions: dict[tuple[str, ...], list[Row]] = {}
    for one in rows:
        named = tuple(name for name in probe.attributes if one[attribute_column(name)] != ALL)
        bucket = (str(one["item"]).rpartition(" ")[0].split(" ")[0],) if one.get("item") else ()
        if named or bucket:
            divisions.setdefault(named or bucket, []).append(one)
    for division, members in divisions.items():
        worst = worst_group(np.array([one["value"] for one in members], float), harm=False)
        if worst is None:
            continue
        chosen = members[worst]
        n_groups = sum(not np.isnan(float(str(one["value"]))) for one in members)
        note = f"the lowest of {n_groups} by {' x '.join(division)}; some of it is low by chance"
        yield {**chosen, "metric": f"worst-group {metric}", "note": note}


def run_picture_size(probe: PictureSizeProbe, given: Given) -> pd.DataFrame:
    """Accuracy on the original pictures and on each coarser version of the same ones."""
    rows: list[Row] = []
    for template, shown in class_prompts(probe, given.suite, given.dataset).items():
        truth = _right(probe, given.suite, given.dataset, given.images.rows)
        classes = vectors(shown, given.embedded)
        for size, pictures in [(np.nan, given.images), *given.images.coarse.items()]:
            hits = top_k_hits(pictures.similarities(classes), truth, 1)
            item = "original" if np.isnan(size) else f"{size:g} px"
            note = "as they are" if np.isnan(size) else f"shrunk so that the longer side has {size:g} px"
            more = {"item": item, "k": size, "note": note, "template": template}
            rows += rate_rows(probe, given.dataset, given.images.rows, "accuracy", hits, **more)
    return pd.DataFrame(rows)
