"""The text of a new suite with a non-classification probe; a kind's own lines are in its `Measure`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from audit.commands.new_suite.header import HARM_SET, OWN_LABEL_SET, Words, as_yaml, head, label_sets

SUITE = Template(
    """\
$head
# How a word becomes a prompt: {a} is the article, {label} the word. Each template is asked on its own.
templates:
  plain: ["{a} {label}"]
$label_sets
probes:
  - name: $name
    title: $title
    question: $question
    kind: $kind
    # Which images: {attribute: value}, {attribute: [values]} or {attribute: {not: [values]}}.
    where: $where
$settings    # One entry per attribute, or several attributes for their intersection.
    groups: $groups
    min_group: 3  # groups with fewer images get no number
"""
)


@dataclass(frozen=True, kw_only=True)
class KindAnswers:
    """What `clip-audit probe new` asks of a non-classification probe.

    Attributes
    ----------
    words
        The words or classes; empty where a shipped list is named.
    shipped
        A shipped word list or label set.
    harmful
        Classes that would harm, besides.
    truth, truth_values
        The attribute with the right answer, and its values; "" where the kind has none.
    attribute, same
        For counterfactual: what changes, and what does not.
    pair
        For association bias: the two values of the attribute that are compared.
    where
        The filter, as YAML.
    """

    name: str
    title: str
    question: str
    data: str
    kind: str
    words: Sequence[str]
    shipped: str | None
    harmful: Sequence[str]
    truth: str
    truth_values: Sequence[str]
    attribute: str
    same: Sequence[str]
    pair: Sequence[str]
    where: str
    groups: Sequence[Sequence[str]]


def kind_suite_text(answers: KindAnswers) -> str:
    """The suite as YAML."""
    from probes.measures.registry import KINDS

    measure = KINDS[answers.kind]
    own_classes = measure.needs == "classes" and not answers.shipped
    words = Words(
        classes=answers.words, harmful=answers.harmful, truth=answers.truth,
        truth_values=answers.truth_values,
    )  # fmt: skip
    settings = Template(measure.template).substitute(
        words=answers.shipped or as_yaml({"offered": list(answers.words)}),
        label_set=answers.shipped or OWN_LABEL_SET,
        truth=answers.truth,
        attribute=answers.attribute,
        same=as_yaml(list(answers.same)),
        contrast=as_yaml({answers.attribute: list(answers.pair)}),
        outcomes=as_yaml(_outcomes(answers)),
        prompts=as_yaml([f"a {word}" for word in answers.words]),
        pronouns=as_yaml(dict(zip(answers.truth_values, answers.words, strict=False))),
    )
    return SUITE.substitute(
        head=head(name=answers.name, title=answers.title, data=answers.data),
        name=as_yaml(answers.name),
        title=as_yaml(answers.title),
        question=as_yaml(answers.question),
        kind=answers.kind,
        where=answers.where,
        label_sets=label_sets(words, title=answers.title) if own_classes else "",
        settings=settings,
        groups=as_yaml([list(spec) for spec in answers.groups]),
    )


def _outcomes(answers: KindAnswers) -> dict[str, list[str]]:
    if answers.harmful:
        return {"harm": [HARM_SET]}
    return {"identity": ["identity"]} if answers.kind == "conditionals" else {}
