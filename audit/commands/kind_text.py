"""The text of a new suite whose probe is no classification: commented YAML, a few lines a kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from audit.commands.suite_text import HARM_SET, OWN_LABEL_SET

WORDS_KINDS = ("association", "ranking")
CLASSES_KINDS = ("counterfactual", "group_accuracy", "picture_size", "conditionals")
PROMPT_KINDS = ("markedness", "pronouns")
TRUTH_KINDS = ("group_accuracy", "picture_size", "pronouns")
KINDS = (*WORDS_KINDS, *CLASSES_KINDS, *PROMPT_KINDS)

SUITE = Template(
    """\
# A probe suite for CLIP Audit. `clip-audit probe check FILE` says whether it can run and what it would ask;
# `clip-audit probe schema` has every key of every kind.
suite: $name
title: $title
data: $data  # --data takes its place; see `clip-audit data list`
seed: 0

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
    templates: [plain]
    k: [1]  # the right class among the K most similar; fewer than there are classes
    buckets: {}  # attributes that are numbers, with cut points: {income: [200, 685]}
""",
    "picture_size": """\
    label_set: $label_set
    truth: $truth  # the attribute that holds the right answer
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
LABEL_SETS = Template(
    """
# Classes, in named sets. `is` says which value of the truth a class stands for.
label_sets:
  $own:
    title: $title
    source: written for this suite
    note: ""  # why these words are there; shown in the report
    sets:
$sets"""
)


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
    where: str
    groups: Sequence[Sequence[str]]


def kind_suite_text(answers: KindAnswers) -> str:
    """The suite as YAML."""
    own_classes = answers.kind in CLASSES_KINDS and not answers.shipped
    settings = Template(SETTINGS[answers.kind]).substitute(
        words=answers.shipped or _json({"offered": list(answers.words)}),
        label_set=answers.shipped or OWN_LABEL_SET,
        truth=answers.truth,
        attribute=answers.attribute,
        same=_json(list(answers.same)),
        outcomes=_json(_outcomes(answers)),
        prompts=_json([f"a {word}" for word in answers.words]),
        pronouns=_json(dict(zip(answers.truth_values, answers.words, strict=False))),
    )
    return SUITE.substitute(
        name=_json(answers.name),
        title=_json(answers.title),
        data=_json(answers.data),
        question=_json(answers.question),
        kind=answers.kind,
        where=answers.where,
        label_sets=_label_sets(answers) if own_classes else "",
        settings=settings,
        groups=_json([list(spec) for spec in answers.groups]),
    )


def _outcomes(answers: KindAnswers) -> dict[str, list[str]]:
    if answers.harmful:
        return {"harm": [HARM_SET]}
    return {"identity": ["identity"]} if answers.kind == "conditionals" else {}


def _label_sets(answers: KindAnswers) -> str:
    lines = ["      identity:", *(f"        - {_class(word, answers)}" for word in answers.words)]
    if answers.harmful:
        lines += [f'      "{HARM_SET}":', *(f"        - {_json(word)}" for word in answers.harmful)]
    return LABEL_SETS.substitute(own=OWN_LABEL_SET, title=_json(answers.title), sets="\n".join(lines) + "\n")


def _class(word: str, answers: KindAnswers) -> str:
    if answers.truth and word in answers.truth_values:
        return f"{{name: {_json(word)}, is: {{{answers.truth}: {_json(word)}}}}}"
    return _json(word)


def _json(value: object) -> str:
    """JSON is YAML too."""
    return json.dumps(value, ensure_ascii=False)
