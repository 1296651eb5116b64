"""The text of a new suite: commented YAML from a few answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from audit.commands.new_suite.header import HARM_SET, OWN_LABEL_SET, Words, as_yaml, head, label_sets

SUITE = Template(
    """\
$head
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
    # One entry per attribute, or several attributes for their intersection.
    groups: $groups
    # Each group is compared with all others; name a group here to compare with it: {attribute: value}, or
    # {attribute: (overall)} for all images, {attribute: (best)} for the group in which the outcome is rarest.
    references: {}
    outcomes: $outcomes
    min_group: 3  # groups with fewer images get no rate
"""
)
TRUTH = Template(
    """\
    truth: $truth  # the attribute that holds the right answer
    uncovered: refuse  # images whose truth no class stands for; exclude leaves them out and counts them
"""
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
    words = Words(
        classes=answers.classes, harmful=answers.harmful, truth=answers.truth,
        truth_values=answers.truth_values,
    )  # fmt: skip
    return SUITE.substitute(
        head=head(name=answers.name, title=answers.title, data=answers.data),
        name=as_yaml(answers.name),
        title=as_yaml(answers.title),
        question=as_yaml(answers.question),
        label_sets="" if answers.label_set else label_sets(words, title=answers.title),
        thresholds=THRESHOLDS if answers.harmful else "",
        where=f'{{{as_yaml(answers.truth)}: {{not: ["(missing)"]}}}}' if partial_truth else "{}",
        truth=TRUTH.substitute(truth=as_yaml(answers.truth)) if answers.truth else "",
        label_set=answers.label_set or OWN_LABEL_SET,
        rules="[argmax, probability]" if answers.harmful else "[argmax]",
        groups=as_yaml(answers.groups),
        outcomes=f"{{{', '.join([*misclassified, *harm])}}}",
    )
