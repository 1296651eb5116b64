"""Association bias: whether classes, such as occupations, are assigned to one group more than to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.association import CORRECTIONS
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results, check_values, sides_of
from probes.metrics.c_asc import Correction
from probes.planning.prompts import class_prompts, texts_of, vectors
from probes.suite.measure_probes import Classified, Pair
from probes.suite.suite_view import SuiteView

BIAS, DIFFERENCE = "association bias", "difference by class"
COUNTED = {
    "share": "share of images that are assigned the class",
    "probability": "mean probability of the class",
}


class AssociationBiasProbe(Classified):
    """Whether classes, such as occupations, are assigned to one group more than to another: CLIP the Bias."""

    kind: Literal["association_bias"]
    contrast: Annotated[dict[str, Pair], Field(min_length=1, max_length=1)] = Field(
        description="{attribute: [one value, another]}; a difference above 0 is more of the first."
    )
    counted: Literal["share", "probability"] = Field(
        default="share",
        description="Of each class: the share of images it is assigned to, or its mean probability.",
    )
    correction: Correction = Field(
        default="max_t", description="Of p over classes: max_t (any false alarm) or bh (their share)."
    )
    permutations: int = Field(default=999, ge=99, le=99_999)


def texts(probe: AssociationBiasProbe, suite: SuiteView, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes; UserError if the data lack a value of the contrast."""
    for attribute, pair in probe.contrast.items():
        check_values(probe, dataset, attribute, pair)
    return texts_of(class_prompts(probe, suite, dataset))


def run(probe: AssociationBiasProbe, context: MeasureContext) -> Results:
    """The bias under each template, and the difference of each class."""
    ((attribute, pair),) = probe.contrast.items()
    side = sides_of(context.values(attribute), pair)
    results = Results(probe, context)
    for template, shown in class_prompts(probe, context.suite, context.dataset).items():
        cosines = context.images.similarities(vectors(shown, context.embedded)).T
        # Classes are offered together, so that the share of one depends on the others.
        assigned = _assigned(probe, context, cosines)
        for place, name in enumerate(shown):
            results.add_scalars(assigned[:, place], item=name, template=template, side=side)
        results.estimate(BIAS, "mean absolute difference", item=" / ".join(pair), template=template)
        for name in shown:
            note = f"{COUNTED[probe.counted]}, {pair[0]} less {pair[1]}"
            results.estimate(DIFFERENCE, "difference of sides", item=name, template=template, note=note)
    return results


def _assigned(probe: AssociationBiasProbe, context: MeasureContext, cosines: np.ndarray) -> np.ndarray:
    """[N, C] whether each class is assigned to each image, or with which probability."""
    if probe.counted == "probability":
        return np.asarray(context.head.probabilities(cosines).T)
    # [N, C]: one true value in each row, the most similar class.
    return np.asarray(cosines.argmax(axis=0)[:, None] == np.arange(len(cosines)))


def rules(settings: Mapping[str, Any]) -> str:
    """What is subtracted from what, and the correction."""
    ((attribute, pair),) = settings["contrast"].items()
    return (
        f"{attribute.replace('_', ' ').capitalize()}: {pair[0]} less {pair[1]}. Correction: "
        f"{CORRECTIONS[settings['correction']]}, over the classes; p of studentised differences from "
        f"{settings['permutations']:,} permutations of the images, whole clusters if they have any."
    )


MEASURE = Measure(
    schema=AssociationBiasProbe,
    question="Are classes, such as occupations, assigned to one group more than to another?",
    meaning="How differently classes are assigned to two groups: the mean, over classes, of the absolute "
    "difference of their shares, next to what chance alone would give, and each class’s own.",
    texts=texts,
    run=run,
    rules=rules,
    units={BIAS: "points", DIFFERENCE: "points"},
    drawn=(DIFFERENCE,),
    needs="classes",
    changes="Attribute of which two values are compared",
    template="""\
    label_set: $label_set
    templates: [plain]
    contrast: $contrast  # a difference above 0 is more of the first
    counted: share  # of each class: the share of images it is assigned to, or its mean probability
    correction: max_t  # over classes: max_t (any false alarm) or bh (their share)
    permutations: 999
""",
)
