"""Association: C-ASC over a list of words, SC-WEAT, and WEAT on images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results, check_values, sides_of
from probes.metrics.c_asc import Correction
from probes.planning.groups import divide
from probes.planning.prompts import texts_of, vectors, word_prompts
from probes.suite.measure_probes import Pair, Worded
from probes.suite.suite_view import SuiteView
from probes.suite.validation_errors import check_known, misplaced

CORRECTIONS = {
    "max_t": "max-T, which controls the chance of any false alarm",
    "bh": "Benjamini-Hochberg, which controls the share of false alarms",
}


class AssociationProbe(Worded):
    """Which words are more similar to the images of which group: C-ASC, SC-WEAT or WEAT."""

    kind: Literal["association"]
    test: Literal["c_asc", "sc_weat", "weat"] = Field(
        default="c_asc",
        description="c_asc: each word, a group against all others; sc_weat: each word, two groups; "
        "weat: two groups of words, two groups of images.",
    )
    contrast: dict[str, Pair] = Field(
        default={},
        description="sc_weat, weat: {attribute: [one value, another]}; an effect above 0 is the first's.",
    )
    between: list[str] = Field(
        default=[], description="weat: two groups of the words, that of the first value first."
    )
    correction: Correction = Field(
        default="max_t", description="Of p over words x groups: max_t (any false alarm) or bh (their share)."
    )
    # The p of a permutation test is at least 1 / (permutations + 1): .001 with 999.
    permutations: int = Field(default=999, ge=99, le=99_999)

    @model_validator(mode="after")
    def _check_test(self) -> AssociationProbe:
        if self.test == "c_asc":
            if not self.groups:
                raise misplaced(["groups"], "c_asc compares groups", remedy="name an attribute in 'groups'")
            return self
        if len(self.contrast) != 1:
            message = f"{self.test} compares two values of one attribute"
            raise misplaced(["contrast"], message, remedy="write contrast: {attribute: [value, value]}")
        if self.test == "weat":
            if len(self.between) != 2:
                remedy = "name two groups of the words in 'between'"
                raise misplaced(["between"], "weat needs two groups of words", remedy=remedy)
            for i, name in enumerate(self.between):
                known = list(self.word_list.words)
                check_known(name, known, what="group of words", location=["between", i])
        return self


def texts(probe: AssociationProbe, suite: SuiteView, dataset: DemographicDataset) -> set[str]:
    """The prompts of the words; UserError if the data lack a value of the contrast."""
    for attribute, pair in probe.contrast.items():
        check_values(probe, dataset, attribute, pair)
    return texts_of(word_prompts(probe, suite, dataset))


def run(probe: AssociationProbe, context: MeasureContext) -> Results:
    """A number for each word and group (C-ASC), word (SC-WEAT), or template (WEAT)."""
    results = Results(probe, context)
    for template, shown in word_prompts(probe, context.suite, context.dataset).items():
        similarities = context.images.similarities(vectors(shown, context.embedded))
        # The column of each word in the similarities.
        places = {item: i for i, item in enumerate(shown)}
        if probe.test == "weat":
            _weat(probe, results, template, similarities, places)
            continue
        side = None
        if probe.test == "sc_weat":
            ((attribute, pair),) = probe.contrast.items()
            side = sides_of(context.values(attribute), pair)
        for item, place in places.items():
            results.add_scalars(similarities[:, place], item=item, template=template, side=side)
        _ask(probe, results, template, places)
    return results


def _ask(probe: AssociationProbe, results: Results, template: str, places: dict[str, int]) -> None:
    """C-ASC of every word and group, or SC-WEAT of every word; a word of two groups comes twice."""
    if probe.test == "sc_weat":
        ((attribute, pair),) = probe.contrast.items()
        note = f"{attribute} {pair[0]} against {pair[1]}"
        for word_group, item in _offered(probe, places):
            results.estimate(
                "SC-WEAT d", "standardised difference of sides", item=item, template=template,
                design=word_group, note=note,
            )  # fmt: skip
        return
    context = results.context
    for spec in probe.groups:
        groups = divide(context.dataset, context.images.rows, spec)
        for word_group, item in _offered(probe, places):
            for group in groups.values:
                results.estimate(
                    "C-ASC", "standardised difference from the rest", group=group, item=item,
                    template=template, design=word_group,
                )  # fmt: skip


def _weat(
    probe: AssociationProbe, results: Results, template: str, similarities: np.ndarray, places: dict[str, int]
) -> None:
    """s(w, A, B) of every image: its mean similarity to the one group of words less that to the other."""
    ((attribute, pair),) = probe.contrast.items()
    sets = [
        [places[item] for group, item in _offered(probe, places) if group == name] for name in probe.between
    ]
    item = f"{' / '.join(pair)}: {' / '.join(probe.between)}"
    note = f"{attribute} {pair[0]} with {probe.between[0]}"
    # A group of words may be empty in a file of embeddings that lacks them.
    if all(map(len, sets)):
        values = similarities[:, sets[0]].mean(axis=1) - similarities[:, sets[1]].mean(axis=1)
        side = sides_of(results.context.values(attribute), pair)
        results.add_scalars(values, side=side, item=item, template=template)
        results.estimate(
            "WEAT d", "one-sided standardised difference of sides", item=item, template=template, note=note
        )
        return
    # A row without a number: the report then says why there is none.
    results.add_shares(item, [{}], np.zeros(1), np.full(1, np.nan))
    results.estimate("WEAT d", "reported", item=item, note="a group of words is not in the file")


def _offered(probe: AssociationProbe, places: dict[str, int]) -> Iterator[tuple[str, str]]:
    """The words that can be asked about, with their group."""
    return ((group, item.name) for group, item in probe.word_list.members if item.name in places)


def rules(settings: Mapping[str, Any]) -> str:
    """The correction and the permutations."""
    permuted = f"{settings['permutations']:,} permutations of the images, whole clusters if they have any"
    if settings["test"] == "weat":
        return (
            "p is one-sided, of the studentised difference, over all splits of the images if at most 10,000, "
            f"otherwise {permuted}."
        )
    correction = CORRECTIONS[settings["correction"]]
    return f"Correction: {correction}, over all words and groups; p of the studentised score from {permuted}."


MEASURE = Measure(
    schema=AssociationProbe,
    question="Which words are more similar to the images of one group than to the others?",
    meaning="How much more similar a word is to the images of a group than to others, in standard deviations "
    "of its similarities. Zero is no difference.",
    texts=texts,
    run=run,
    rules=rules,
    units={"": "effect"},
    needs="words",
    template="""\
    # c_asc: a word, a group against all others. sc_weat and weat compare two: contrast: {attribute: [a, b]}.
    test: c_asc
    words: $words
    templates: [plain]
    correction: max_t  # over words x groups: max_t (any false alarm) or bh (their share)
    permutations: 999
""",
)
