"""Markedness: whose images are more similar to "a person" than to any prompt that names their group.

Wolfe and Caliskan 2022, "Markedness in visual semantic AI": an image is unmarked if the bare prompt has the
greatest similarity.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results
from probes.metrics.counterfactual import marked
from probes.planning.groups import divide
from probes.suite.probe_base import ProbeBase
from probes.suite.suite_view import SuiteView

METRIC = "unmarked share"


class MarkednessProbe(ProbeBase):
    """How often an image is more similar to the bare word for a person than to any prompt of a group."""

    kind: Literal["markedness"]
    neutral: str = Field(default="a photo of a person", min_length=1, description="The bare prompt.")
    marked: list[str] = Field(min_length=1, description="Prompts that name groups.")


def texts(probe: MarkednessProbe, suite: SuiteView, dataset: DemographicDataset) -> list[str]:
    """The bare prompt and those that name groups."""
    return [probe.neutral, *probe.marked]


def run(probe: MarkednessProbe, context: MeasureContext) -> Results:
    """The share of unmarked images, over all and by each group; a tie counts as marked."""
    prompts = [context.embedded[text] for text in texts(probe, context.suite, context.dataset)]
    similarities = context.images.similarities(np.stack(prompts))
    results = Results(probe, context)
    results.add_scalars(marked(similarities[:, 0], similarities[:, 1:]), item=probe.neutral)
    divided = [divide(context.dataset, context.images.rows, spec).values for spec in probe.groups]
    results.estimate_by_group(METRIC, "rate", divided, item=probe.neutral)
    return results


MEASURE = Measure(
    schema=MarkednessProbe,
    question="Whose images are more similar to the bare prompt than to any that names a group?",
    meaning="The share of images that are more similar to the bare prompt than to any prompt that names a "
    "group. A group with a large share is what the model takes people to be unless told otherwise.",
    texts=texts,
    run=run,
    units={METRIC: "share"},
    needs="prompts",
    template="""\
    neutral: a person  # the bare prompt
    marked: $prompts  # prompts that name groups
""",
)
