"""Image resolution: accuracy on the same images downscaled before the model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.measures.group_accuracy import check_truth, right_classes
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results
from probes.metrics.group_accuracy import top_k_hits
from probes.planning.groups import divide
from probes.planning.prompts import class_prompts, texts_of, vectors
from probes.suite.measure_probes import Places, WithTruth
from probes.suite.suite_view import SuiteView


class ImageResolutionProbe(WithTruth):
    """Accuracy on downscaled images: shrunk to so many pixels before the model sees them."""

    kind: Literal["image_resolution"]
    sizes: Places = Field(
        default=[128, 64, 32, 16], description="Longer sides in pixels, besides the original images."
    )


def texts(probe: ImageResolutionProbe, suite: SuiteView, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes; UserError if the data do not fit the probe."""
    check_truth(probe, suite, dataset)
    if isinstance(dataset, EmbeddedDataset):
        raise UserError(
            f"probe {probe.name!r}: the kind 'image_resolution' needs images, the file holds none",
            remedy="give a data set of images, or take the probe out",
        )
    return texts_of(class_prompts(probe, suite, dataset))


def run(probe: ImageResolutionProbe, context: MeasureContext) -> Results:
    """Accuracy on the original images and on each downscaled version of the same ones."""
    results = Results(probe, context)
    truth = right_classes(probe, context)
    divided = [divide(context.dataset, context.images.rows, spec).values for spec in probe.groups]
    for template, shown in class_prompts(probe, context.suite, context.dataset).items():
        classes = vectors(shown, context.embedded)
        # NaN stands for the original, since `k` is a column of numbers.
        for size, images in [(np.nan, context.images), *context.images.downscaled.items()]:
            hits = top_k_hits(images.similarities(classes), truth, 1)
            original = bool(np.isnan(size))
            item = "original" if original else f"{size:g} px"
            note = "as they are" if original else f"shrunk so that the longer side has {size:g} px"
            results.add_scalars(hits, item=item, template=template, k=size)
            results.estimate_by_group(
                "accuracy", "rate", divided, item=item, template=template, k=size, note=note
            )
    return results


def _sizes(probe: ImageResolutionProbe) -> Sequence[int]:
    return probe.sizes


MEASURE = Measure(
    schema=ImageResolutionProbe,
    question="How much of the accuracy is left on downscaled images?",
    meaning="Accuracy on the same images, downscaled before the model sees them.",
    texts=texts,
    run=run,
    sizes=_sizes,
    units={"": "share"},
    needs="classes",
    needs_truth=True,
    template="""\
    label_set: $label_set
    truth: $truth  # the attribute that holds the right answer
    uncovered: exclude  # images whose truth no class stands for; refuse does not run then
    templates: [plain]
    sizes: [64, 32, 16]  # longer sides in pixels, besides the original images
""",
)
