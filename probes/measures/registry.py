"""The kinds of non-classification probes. A new one is a file beside these, and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from probes.measures import (
    association,
    association_bias,
    conditionals,
    counterfactual,
    group_accuracy,
    image_resolution,
    markedness,
    pronouns,
    ranking,
)
from probes.measures.measure import Measure

MODULES = (
    association, ranking, counterfactual, markedness, pronouns, group_accuracy, image_resolution,
    conditionals, association_bias,
)  # fmt: skip
KINDS: Mapping[str, Measure] = {module.MEASURE.kind: module.MEASURE for module in MODULES}
"""By the name of the kind in the YAML."""
