"""Classes and words to prompts: the one place where templates are rendered for non-classification probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.formats.embeddings import EmbeddedDataset
from probes.suite.label_sets import LabelClass
from probes.suite.measure_probes import Classified, Templated, Worded
from probes.suite.suite_view import SuiteView
from probes.suite.templates import render

AS_GIVEN = "as given"
"""The template of a class whose text in the file is its name; how it was worded is not known."""

Embedded = Mapping[str, np.ndarray]
Prompts = dict[str, dict[str, tuple[str, ...]]]  # template -> class or word -> texts to ensemble


def class_prompts(probe: Classified, suite: SuiteView, dataset: DemographicDataset) -> Prompts:
    """The prompts of the classes, template by template, sorted by the name of the class.

    Raises
    ------
    UserError
        The data are embeddings whose file lacks a class, or predictions without scores.
    """
    # Sorted as in the engine, so that a tie goes to the same class whatever the order in the suite.
    items = sorted(probe.classes(suite).classes, key=lambda item: item.name)
    found = _prompts(probe, suite, dataset, items)
    for shown in found.values():
        if missing := [item for item in items if item.name not in shown]:
            raise UserError(
                f"probe {probe.name!r}: the file has no text for the class {missing[0].name!r}",
                remedy=f"add {missing[0].words!r} or the prompts to the file, or drop the class",
            )
    return found


def word_prompts(probe: Worded, suite: SuiteView, dataset: DemographicDataset) -> Prompts:
    """The prompts of the words, template by template; words that a file of embeddings lacks are left out.

    Raises
    ------
    UserError
        The file has none of the words, or holds predictions without scores.
    """
    # A word of two groups is embedded once.
    items = list({item.name: item for _, item in probe.word_list.members}.values())
    found = _prompts(probe, suite, dataset, items)
    if not all(found.values()):
        raise UserError(
            f"probe {probe.name!r}: the file has none of its {len(items)} words, such as {items[0].words!r}",
            remedy="add the words or their prompts to the file",
        )
    return found


def _prompts(
    probe: Templated, suite: SuiteView, dataset: DemographicDataset, items: Sequence[LabelClass]
) -> Prompts:
    rendered: Prompts = {
        name: {item.name: tuple(render(text, item) for text in suite.template_texts[name]) for item in items}
        for written in probe.templates
        for name in suite.named_templates[written].named(written)
    }
    if not isinstance(dataset, EmbeddedDataset):
        return rendered
    if dataset.texts.unknown is not None:
        raise UserError(
            f"probe {probe.name!r}: the kind {probe.kind!r} needs similarities, the file has none",
            remedy="give embeddings or scores, or take the probe out",
        )
    known = dataset.texts.rows
    whole = {
        name: shown
        for name, shown in rendered.items()
        if all(text in known for texts in shown.values() for text in texts)
    }
    if whole:
        return whole
    in_file: dict[str, tuple[str, ...]] = {
        item.name: (next(text for text in (item.words, item.name) if text in known),)
        for item in items
        if item.words in known or item.name in known
    }
    return {AS_GIVEN: in_file}


def texts_of(prompts: Prompts) -> set[str]:
    """Every text of some prompts."""
    return {text for shown in prompts.values() for texts in shown.values() for text in texts}


def vectors(shown: Mapping[str, tuple[str, ...]], embedded: Embedded) -> np.ndarray:
    """[U, D] one vector per class or word; several texts are ensembled."""
    return np.stack([ensemble([embedded[text] for text in texts]) for texts in shown.values()])


def ensemble(embeddings: Sequence[np.ndarray]) -> np.ndarray:
    """One embedding [D] of several unit-norm ones [D]: their mean, renormalised (CLIP paper, 3.1.4).

    One alone is taken as it is.
    """
    if len(embeddings) == 1:
        # Renormalising a unit vector would change its last bits, and with them those of every score.
        return np.asarray(embeddings[0], np.float32)
    mean = np.mean(embeddings, axis=0)
    direction: np.ndarray = (mean / np.linalg.norm(mean)).astype(np.float32)
    return direction
