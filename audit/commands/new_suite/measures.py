"""The text of a new suite whose probe is no classification: commented YAML, a few lines a kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from audit.commands.new_suite.header import HARM_SET, OWN_LABEL_SET, Words, as_yaml, head, label_sets

WORDS_KINDS = ("association", "ranking")
CLASSES_KINDS = ("counterfactual", "group_accuracy", "picture_size", "conditionals", "association_bias")
PROMPT_KINDS = ("markedness", "pronouns")
TRUTH_KINDS = ("group_accuracy", "picture_size", "pronouns")
KINDS = (*WORDS_KINDS, *CLASSES_KINDS, *PROMPT_KINDS)

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
$settings    # One entry an attribute, or several attributes for their intersection.
    groups: $groups
    min_group: 3  # groups with fewer images get no number
"""
)
SETTINGS = {
    "association": """\
    # c_asc: a word, a group against all others. sc_weat and weat compare two: contrast: {attribute: [a, b]}.
    test: c_asc
    words: $words
    templates: [plain]
    correction: max_t  # over words x groups: max_t (any false alarm) or bh (their share)
    permutations: 999
""",
    "ranking": """\
    words: $words
    templates: [plain]
    k: [10, 100]  # places from the top
    reference: candidates  # the share a group is expected to have: candidates, dataset or uniform
    zero_rule: 1/K  # what an absent group counts as: 1/K, 1/groups or zero
    tie_rule: shared  # equal scores share their places, or stand in row order
""",
    "counterfactual": """\
    label_set: $label_set
    templates: [plain]
    attribute: $attribute  # what changes within a set
    same: $same  # what is equal within a set; [] for the clusters of the data
    outcomes: $outcomes  # sets of classes whose direction is followed: {name: [set]}
""",
    "group_accuracy": """\
    label_set: $label_set
    truth: $truth  # the attribute that holds the right answer
    uncovered: exclude  # images whose truth no class stands for; refuse does not run then
    templates: [plain]
    k: [1]  # the right class among the K most similar; fewer than there are classes
    buckets: {}  # attributes that are numbers, with cut points: {income: [200, 685]}
""",
    "picture_size": """\
    label_set: $label_set
    truth: $truth  # the attribute that holds the right answer
    uncovered: exclude  # images whose truth no class stands for; refuse does not run then
    templates: [plain]
    sizes: [64, 32, 16]  # longer sides in pixels, besides the pictures as they are
""",
    "conditionals": """\
    label_set: $label_set
    templates: [plain]
    outcomes: $outcomes  # {name: [set of classes]}
    k: 1  # a class counts among the K most similar ...
    at_least: 0.0  # ... with at least this probability
""",
    "association_bias": """\
    label_set: $label_set
    templates: [plain]
    contrast: $contrast  # a difference above 0 is more of the first
    counted: share  # of each class: the share of images it is given to, or its mean probability
    correction: max_t  # over classes: max_t (any false alarm) or bh (their share)
    permutations: 999
""",
    "markedness": """\
    neutral: a person  # the bare prompt
    marked: $prompts  # prompts that name groups
""",
    "pronouns": """\
    truth: $truth  # the attribute that says which pronoun is right
    pronouns: $pronouns  # value: its pronoun; the gap is the first less the second
    caption: "a person with {pronoun} work"  # {pronoun} once; other slots are attributes of the image
""",
}


@dataclass(frozen=True, kw_only=True)
class KindAnswers:
    """What `clip-audit probe new` asks of a probe that is no classification.

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
    own_classes = answers.kind in CLASSES_KINDS and not answers.shipped
    words = Words(
        classes=answers.words, harmful=answers.harmful, truth=answers.truth,
        truth_values=answers.truth_values,
    )  # fmt: skip
    settings = Template(SETTINGS[answers.kind]).substitute(
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
