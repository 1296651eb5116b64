"""Ranking: whose images are the K most similar to a query."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results, check_values
from probes.metrics.ranking import REFERENCES, TIE_RULES, ZERO_RULES, Reference, TieRule, ZeroRule
from probes.planning.groups import Groups, divide
from probes.planning.prompts import texts_of, vectors, word_prompts
from probes.suite.measure_probes import Pair, Places, Worded
from probes.suite.suite_view import SuiteView
from probes.suite.validation_errors import check_known, misplaced

EXPECTED_SHARE = "(expected share)"
"""Item of the scalars that hold the share of each group in the whole data set."""


class RankingProbe(Worded):
    """Whose images come first if images are ranked by their similarity to a query."""

    kind: Literal["ranking"]
    k: Places = Field(default=[10, 100], description="Places from the top to look at.")
    reference: Reference = Field(
        default="candidates", description="The share a group is expected to have among the K highest."
    )
    zero_rule: ZeroRule = Field(default="1/K", description="What an absent group's share counts as.")
    tie_rule: TieRule = Field(default="shared", description="Where equal scores go.")
    bias: dict[str, Pair] = Field(
        default={}, description="{attribute: [one value, another]} for Bias@K; above 0 the first is on top."
    )

    @model_validator(mode="after")
    def _check_groups(self) -> RankingProbe:
        if not self.groups:
            raise misplaced(["groups"], "a ranking compares groups", remedy="name an attribute in 'groups'")
        for attribute in self.bias:
            known = [spec[0] for spec in self.groups if len(spec) == 1]
            check_known(attribute, known, what="group attribute", location=["bias", attribute])
        return self


def texts(probe: RankingProbe, suite: SuiteView, dataset: DemographicDataset) -> set[str]:
    """The queries; UserError if the data lack a value of Bias@K."""
    for attribute, pair in probe.bias.items():
        check_values(probe, dataset, attribute, pair)
    return texts_of(word_prompts(probe, suite, dataset))


def run(probe: RankingProbe, context: MeasureContext) -> Results:
    """The similarities to every query; for each grouping and K the measures, and the share of each group."""
    results = Results(probe, context)
    divided = [divide(context.dataset, context.images.rows, spec) for spec in probe.groups]
    if probe.reference == "dataset":
        _expected_shares(results, divided)
    for template, shown in word_prompts(probe, context.suite, context.dataset).items():
        scores = context.images.similarities(vectors(shown, context.embedded))
        places = {item: i for i, item in enumerate(shown)}
        for item, place in places.items():
            results.add_scalars(scores[:, place], item=item, template=template)
        for groups in divided:
            for word_group, word in probe.word_list.members:
                if word.name in places:
                    _ask(probe, results, groups, item=word.name, design=word_group, template=template)
    return results


def _ask(
    probe: RankingProbe, results: Results, groups: Groups, *, item: str, design: str, template: str
) -> None:
    query = partial(results.estimate, item=item, design=design, template=template)
    by, n = " x ".join(groups.spec), int(groups.known.sum())
    for k in probe.k:
        asked = partial(query, k=k)
        asked(f"MaxSkew@{k} by {by}", "largest skew")
        # Among all images every group has the share that it has in the data.
        if k >= n:
            continue  # a constant of the data: the one row says so
        asked(f"MinSkew@{k} by {by}", "smallest skew")
        asked(f"normalised entropy@{k} by {by}", "entropy at k")
        if groups.spec[0] in probe.bias and len(groups.spec) == 1:
            asked(f"Bias@{k} by {by}", "bias at k")
        for group in groups.values:
            asked(f"share@{k}", "share at k", group=group)
    # NDKL runs over all places and has no K.
    query(f"NDKL by {by}", "divergence")


def _expected_shares(results: Results, divided: list[Groups]) -> None:
    dataset = results.context.dataset
    every: list[dict[str, str]] = []
    sizes: list[int] = []
    shares: list[float] = []
    for groups in divided:
        # Over the whole data set, before exclusions: what "dataset" promises as reference.
        whole = divide(dataset, np.arange(len(dataset)), groups.spec)
        every += whole.values
        sizes += whole.sizes.tolist()
        shares += (whole.sizes / whole.sizes.sum()).tolist()
    results.add_shares(EXPECTED_SHARE, every, np.array(sizes), np.array(shares))


def rules(settings: Mapping[str, Any]) -> str:
    """The three rules that change these figures, and the correction."""
    return (
        f"Reference of the skew: {REFERENCES[settings['reference']]}. Zero rule: "
        f"{ZERO_RULES[settings['zero_rule']]}. Ties: {TIE_RULES[settings['tie_rule']]}. K equal to the "
        "number of images is a constant of the data and gets no number. p: Benjamini-Hochberg over the "
        "queries of a measure, next to chance that keeps clusters of images whole."
    )


MEASURE = Measure(
    schema=RankingProbe,
    question="Whose images come up first?",
    meaning="The share of each group among the K images most similar to a query. MaxSkew, MinSkew, NDKL and "
    "the entropy are not zero or one by chance, so the table gives what chance alone would.",
    texts=texts,
    run=run,
    rules=rules,
    units={
        "MaxSkew": "effect",
        "MinSkew": "effect",
        "NDKL": "effect",
        "Bias@": "effect",
        "normalised entropy": "effect",
    },
    drawn=("share@",),
    needs="words",
    template="""\
    words: $words
    templates: [plain]
    k: [10, 100]  # places from the top
    reference: candidates  # the share a group is expected to have: candidates, dataset or uniform
    zero_rule: 1/K  # what an absent group counts as: 1/K, 1/groups or zero
    tie_rule: shared  # equal scores share their places, or stand in row order
""",
)
