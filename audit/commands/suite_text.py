"""The text of a new suite: commented YAML from a few answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

OWN_LABEL_SET = "own"
HARM_SET = "harm: offered"

SUITE = Template(
    """\
# A probe suite for CLIP Audit. `clip-audit probe check FILE` says whether it can run and what it would ask;
# `clip-audit probe schema` has every key.
suite: $name
title: $title
data: $data  # --data takes its place; see `clip-audit data list`
seed: 0

# How a class becomes a prompt: {a} is the article, {label} the class. The embeddings of several texts under
# one name are averaged.
templates:
  plain: ["{a} {label}"]
  picture: ["a picture of {a} {label}"]
$label_sets$thresholds
probes:
  - name: $name
    title: $title
    question: $question
    # Which images: {attribute: value}, {attribute: [values]} or {attribute: {not: [values]}}.
    where: $where
$truth    label_set: $label_set
    templates: [plain, picture]
    # Other sets of classes to ask with, as edits: add, drop, rename.
    designs:
      default: {}
    rules: $rules
    # One entry an attribute, or several attributes for their intersection.
    groups: $groups
    # Each group is compared with all others; name a group here to compare with it: {attribute: value}, or
    # {attribute: (overall)} for all images, {attribute: (best)} for the group in which the outcome is rarest.
    references: {}
    outcomes: $outcomes
    min_group: 3  # groups with fewer images get no rate
"""
)
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
THRESHOLDS = """
# For the rule "probability": a class counts where its probability reaches the threshold.
thresholds: [0.2, 0.5]
"""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What `clip-audit probe new` asks.

    Attributes
    ----------
    label_set
        A shipped label set; None where the suite has `classes` of its own.
    classes, harmful
        The words of the suite's own label set, and those of it that would harm.
    truth
        The attribute that holds the right answer, or None.
    truth_values
        The values that `classes` may stand for.
    truth_is_complete
        Whether every image has a truth.
    groups
        The attributes of each comparison.
    """

    name: str
    title: str
    question: str
    data: str
    label_set: str | None
    classes: Sequence[str]
    harmful: Sequence[str]
    truth: str | None
    truth_values: Sequence[str]
    truth_is_complete: bool
    groups: Sequence[Sequence[str]]


def suite_text(answers: Answers) -> str:
    """The suite as YAML."""
    misclassified = ["misclassified: {}"] if answers.truth else []
    harm = [f'harm: ["{HARM_SET}"]'] if answers.harmful else []
    partial_truth = answers.truth and not answers.truth_is_complete
    return SUITE.substitute(
        name=_quoted(answers.name),
        title=_quoted(answers.title),
        data=_quoted(answers.data),
        question=_quoted(answers.question),
        label_sets="" if answers.label_set else _label_sets(answers),
        thresholds=THRESHOLDS if answers.harmful else "",
        where=f'{{{answers.truth}: {{not: ["(missing)"]}}}}' if partial_truth else "{}",
        truth=f"    truth: {answers.truth}  # the attribute that holds the right answer\n"
        if answers.truth
        else "",
        label_set=answers.label_set or OWN_LABEL_SET,
        rules="[argmax, probability]" if answers.harmful else "[argmax]",
        groups=json.dumps(answers.groups, ensure_ascii=False),
        outcomes=f"{{{', '.join([*misclassified, *harm])}}}",
    )


def _label_sets(answers: Answers) -> str:
    lines = ["      identity:", *(f"        - {_class(word, answers)}" for word in answers.classes)]
    if answers.harmful:
        lines += [f'      "{HARM_SET}":', *(f"        - {_quoted(word)}" for word in answers.harmful)]
    return LABEL_SETS.substitute(
        own=OWN_LABEL_SET, title=_quoted(answers.title), sets="\n".join(lines) + "\n"
    )


def _class(word: str, answers: Answers) -> str:
    if answers.truth and word in answers.truth_values:
        return f"{{name: {_quoted(word)}, is: {{{answers.truth}: {_quoted(word)}}}}}"
    return _quoted(word)


def _quoted(text: str) -> str:
    """A string of JSON is one of YAML too."""
    return json.dumps(text, ensure_ascii=False)
