"""Pronoun probes: whether the caption with the pronoun of the person shown is preferred (VisoGender)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.base import DemographicDataset
from probes.measures.context import Given, Row, attribute_values, row
from probes.measures.rate_rows import rate_rows
from probes.metrics.group_accuracy import resolution
from probes.suite.measure_probes import PronounProbe
from probes.suite.suite import Suite


def texts(probe: PronounProbe, suite: Suite, dataset: DemographicDataset) -> set[str]:
    """Every caption that some image needs; UserError where an attribute or value is missing."""
    attribute_values(probe, dataset, probe.truth)
    return {text for _, captions in _captions(probe, dataset, np.arange(len(dataset))) for text in captions}


def _captions(
    probe: PronounProbe, dataset: DemographicDataset, rows: np.ndarray
) -> Iterator[tuple[int, list[str]]]:
    """The places of the rows that have everything the caption names, each with a caption a pronoun."""
    columns = {name: attribute_values(probe, dataset, name).iloc[rows] for name in probe.slots}
    frame = pd.DataFrame({**columns, probe.truth: dataset.values(probe.truth).iloc[rows]}, index=rows)
    usable = (frame.notna().all(axis=1) & frame[probe.truth].isin(list(probe.pronouns))).to_numpy()
    for place in np.flatnonzero(usable).tolist():
        filled = {name: str(frame[name].iloc[place]) for name in probe.slots}
        yield place, [probe.caption.format(**filled, pronoun=word) for word in probe.pronouns.values()]


def run(probe: PronounProbe, given: Given) -> pd.DataFrame:
    """Resolution accuracy by pronoun, its mean over both, and the gap; a tie is no right answer."""
    found = list(_captions(probe, given.dataset, given.images.rows))
    places = np.array([place for place, _ in found], int)
    if not len(places):
        raise UserError(
            f"probe {probe.name!r}: no image has all of {', '.join([*probe.slots, probe.truth])}",
            remedy="correct the caption or the pronouns",
        )
    values = list(probe.pronouns)
    captions = dict(found)
    cosines = np.array(
        [
            [given.embedded[text] @ vector for text in captions[place]]
            for start, block in given.images.blocks()
            for place, vector in enumerate(block, start=start)
            if place in captions
        ]
    )
    own = given.dataset.values(probe.truth).iloc[given.images.rows[places]].to_numpy()
    is_first = own == values[0]
    correct = np.where(is_first, cosines[:, 0] > cosines[:, 1], cosines[:, 1] > cosines[:, 0])
    rows: list[Row] = []
    for value, chosen in zip(values, (is_first, ~is_first), strict=True):
        item, kept = f"{value}: {probe.pronouns[value]}", given.images.rows[places[chosen]]
        rows += rate_rows(probe, given.dataset, kept, "resolution accuracy", correct[chosen], item=item)
    for metric, (centre, low, high) in resolution(correct, is_first).items():
        name, note = f"resolution {metric}", "mean of both" if metric == "accuracy" else " less ".join(values)
        rows.append(row(probe, name, n=len(places), value=centre, low=low, high=high, item="both", note=note))
    return pd.DataFrame(rows)
