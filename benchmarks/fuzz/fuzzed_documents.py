"""Damaged suites, data cards and recipes of training."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.fuzz.damage import Case, changed, damaged
from benchmarks.woman_or_man import LABEL_SETS
from clipmodel.training.recipe import RECIPES, load_recipe
from probes.datasets import load_dataset
from probes.datasets.cards import written_card
from probes.datasets.demographic_dataset import DemographicDataset
from probes.planning.audit_plan import plan
from probes.planning.cost import estimate
from probes.suite.shipped.library import DATA
from probes.suite.suite import load_suite

CARD = """
title: People of a town
version: "2"
licence: CC BY 4.0
consent: asked
label_provenance: self-reported
labelled_by: the people
source: a survey
cluster: household
caution: for research only
attributes: [gender, age]
image_attributes: [split]
orders:
  gender: [woman, man]
values:
  gender: {F: woman, M: man, U: null}
images: [images]
scores: probabilities
"""


SUITE = (
    """
suite: people
data: emoji
seed: 3
thresholds: [0.1, 0.5]
top_k: [2]
curve: 11
templates:
  plain: ["{a} {label}"]
  photo: ["a photo of {a} {label}"]
"""
    + LABEL_SETS
    + """\
probes:
  - name: gender
    where: {category: person, gender: [woman, man], split: validation}
    truth: gender
    label_set: own
    templates: [plain, photo]
    rules: [argmax, probability, top_k]
    groups: [[skin_tone], [gender, skin_tone]]
    outcomes: {misclassified: {}, crime: {sets: ["harm: crime"]}}
    references: {skin_tone: medium}
    min_group: 3
gates:
  - {name: even, probe: gender, outcome: crime, groups: [skin_tone], margin: 0.2}
"""
)


def suite_case() -> Case:
    """Read a damaged suite and, if it is one, plan it against the data it names and state its cost."""
    shipped = [path.read_bytes() for path in sorted((DATA / "suites").glob("*.yaml"))]
    return _case([*shipped, *[SUITE.encode()] * len(shipped)], _planned, "suite.yaml")


def card_case() -> Case:
    """Read a damaged card of a data set."""
    return _case([CARD.encode()], lambda file: written_card(file.with_name("people.csv")), "people.card.yaml")


def recipe_case() -> Case:
    """Read a damaged recipe."""
    return _case([path.read_bytes() for path in sorted(RECIPES.glob("*.yaml"))], load_recipe, "recipe.yaml")


def _case(seeds: list[bytes], read: Callable[[Path], Any], name: str) -> Case:
    """Three of ten cases damage the text, the others change values of the document."""
    documents = [yaml.load(seed, yaml.CSafeLoader) for seed in seeds]

    def run(rng: np.random.Generator, folder: Path) -> None:
        at = int(rng.integers(0, len(seeds)))
        file = folder / name
        if rng.random() < 0.3:
            file.write_bytes(damaged(seeds[at], rng, ascii_only=rng.random() < 0.8))
        else:
            text = yaml.dump(changed(documents[at], rng), Dumper=yaml.CSafeDumper, allow_unicode=True)
            file.write_text(text, encoding="utf-8")
        read(file)

    return run


def _planned(file: Path) -> None:
    suite = load_suite(file)
    suite.text.encode()
    estimate(plan(suite, _emoji()))


@cache
def _emoji() -> DemographicDataset:
    return load_dataset("emoji")
