"""Pronouns: whether the caption with the pronoun of the person shown is preferred (VisoGender)."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results, attribute_values, sides_of
from probes.planning.groups import divide
from probes.suite.probe_base import ProbeBase
from probes.suite.suite_view import SuiteView
from probes.suite.validation_errors import misplaced

ACCURACY, GAP = "resolution accuracy", "resolution gap"


class PronounProbe(ProbeBase):
    """Whether a caption with the pronoun of the person shown is preferred: VisoGender's resolution."""

    kind: Literal["pronouns"]
    caption: str = Field(
        default="the {occupation} and {pronoun} {object}",
        description="{pronoun} once; every other slot is an attribute of the image.",
    )
    truth: str = Field(description="The attribute that says which pronoun is right.")
    pronouns: Annotated[dict[str, str], Field(min_length=2, max_length=2)] = Field(
        description="Value of the truth: its pronoun; the gap is the first less the second."
    )

    @property
    def slots(self) -> list[str]:
        """Attributes of the image that the caption names."""
        names = [name for _, name, _, _ in string.Formatter().parse(self.caption) if name]
        return [name for name in dict.fromkeys(names) if name != "pronoun"]

    @model_validator(mode="after")
    def _check_caption(self) -> PronounProbe:
        if self.caption.count("{pronoun}") != 1:
            message = f"the caption {self.caption!r} needs {{pronoun}} once"
            raise misplaced(["caption"], message, remedy="write the slot where the pronoun goes")
        return self


def texts(probe: PronounProbe, suite: SuiteView, dataset: DemographicDataset) -> set[str]:
    """Every caption that some image needs; UserError if an attribute or value is missing."""
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


def run(probe: PronounProbe, context: MeasureContext) -> Results:
    """Resolution accuracy by pronoun, its mean over both, and the gap; a tie is no right answer."""
    captions = dict(_captions(probe, context.dataset, context.images.rows))
    places = np.array(list(captions), int)
    if not len(places):
        raise UserError(
            f"probe {probe.name!r}: no image has all of {', '.join([*probe.slots, probe.truth])}",
            remedy="correct the caption or the pronouns",
        )
    values = list(probe.pronouns)
    # Two captions an image, another two for the next: a matrix of all captions and images would be mostly
    # unused.
    cosines = np.array(
        [
            [context.embedded[text] @ vector for text in captions[place]]
            for start, block in context.images.blocks()
            for place, vector in enumerate(block, start=start)
            if place in captions
        ]
    )
    truth = context.values(probe.truth)[places]
    is_first = truth == values[0]
    # Strictly greater: two equal captions are no answer.
    correct = np.where(is_first, cosines[:, 0] > cosines[:, 1], cosines[:, 1] > cosines[:, 0])
    return _handed_over(probe, context, places, correct, truth)


def _handed_over(
    probe: PronounProbe, context: MeasureContext, places: np.ndarray, correct: np.ndarray, truth: np.ndarray
) -> Results:
    results, values = Results(probe, context), list(probe.pronouns)
    for value in values:
        own, item = places[truth == value], f"{value}: {probe.pronouns[value]}"
        results.add_scalars(correct[truth == value], places=own, item=item)
        rows = context.images.rows[own]
        divided = [divide(context.dataset, rows, spec).values for spec in probe.groups]
        results.estimate_by_group(ACCURACY, "rate", divided, item=item)
    results.add_scalars(correct, places=places, item="both", side=sides_of(truth, values))
    # The mean of both pronouns, not of all images: otherwise the pronoun with more images decides (Hall et
    # al. 2023).
    results.estimate(ACCURACY, "mean of sides", item="both", note="mean of both")
    results.estimate(GAP, "difference of sides", item="both", note=" less ".join(values))
    return results


MEASURE = Measure(
    schema=PronounProbe,
    question="Is the caption with the right pronoun preferred?",
    meaning="How often the caption with the pronoun of the person shown is preferred.",
    texts=texts,
    run=run,
    units={GAP: "points"},
    drawn=(ACCURACY,),
    needs="prompts",
    needs_truth=True,
    template="""\
    truth: $truth  # the attribute that says which pronoun is right
    pronouns: $pronouns  # value: its pronoun; the gap is the first less the second
    caption: "a person with {pronoun} work"  # {pronoun} once; other slots are attributes of the image
""",
)
