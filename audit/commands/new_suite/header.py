"""What every new suite begins with, whatever its kind of probe: its head and its own label set, as YAML."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from string import Template

OWN_LABEL_SET = "own"
HARM_SET = "harm: offered"

HEAD = Template(
    """\
# A probe suite for CLIP Audit. `clip-audit probe check FILE` says whether it can run and what it would ask;
# `clip-audit probe schema` has every key of every kind.
suite: $name
title: $title
data: $data  # --data takes its place; see `clip-audit data list`
seed: 0
"""
)
LABEL_SETS = Template(
    """
# Classes, in named sets. `is` says which value of the truth a class stands for, or which ones:
# {age: [50-59, 60-69, more than 70]}.
label_sets:
  $own:
    title: $title
    source: written for this suite
    note: ""  # why these words are there; shown in the report
    sets:
$sets"""
)


@dataclass(frozen=True, kw_only=True)
class Words:
    """The classes of a suite's own label set.

    Attributes
    ----------
    classes, harmful
        The words, and those that would harm.
    truth, truth_values
        The attribute with the right answer, if there is one, and the values that a class may stand for.
    """

    classes: Sequence[str]
    harmful: Sequence[str]
    truth: str | None
    truth_values: Collection[str]


def head(*, name: str, title: str, data: str) -> str:
    """The keys that say which suite it is and which data it asks about."""
    return HEAD.substitute(name=as_yaml(name), title=as_yaml(title), data=as_yaml(data))


def label_sets(words: Words, *, title: str) -> str:
    """The key `label_sets` with one set of classes, and one of the harmful words where there are any."""
    lines = ["      identity:", *(f"        - {_class(word, words)}" for word in words.classes)]
    if words.harmful:
        lines += [f'      "{HARM_SET}":', *(f"        - {as_yaml(word)}" for word in words.harmful)]
    return LABEL_SETS.substitute(own=OWN_LABEL_SET, title=as_yaml(title), sets="\n".join(lines) + "\n")


def as_yaml(value: object) -> str:
    """JSON is YAML too."""
    # Always quoted: words such as no, on or 12:30 would otherwise become other values.
    return json.dumps(value, ensure_ascii=False)


def _class(word: str, words: Words) -> str:
    """A class as YAML; "man=Male" is the class man, which stands for the value Male."""
    name, given, value = (part.strip() for part in word.partition("="))
    value = value if given else name
    if words.truth and value in words.truth_values:
        return f"{{name: {as_yaml(name)}, is: {{{as_yaml(words.truth)}: {as_yaml(value)}}}}}"
    return as_yaml(name if given else word)
