"""The manifest of a run: what was asked, of which model, on which data. The same run gives the same one."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

import clipmodel
from probes.datasets.demographic_dataset import DemographicDataset
from probes.embeddings.embed import EmbeddedImages
from probes.measures.registry import KINDS
from probes.planning.image_selection import where_text
from probes.planning.ordinal_scales import scale_of
from probes.records import SCHEMA_VERSION, Manifest, attribute_column, attribute_entry
from probes.records.manifest_types import (
    AttributeEntry,
    ClassEntry,
    Confounding,
    DataEntry,
    ModelEntry,
    ProbeEntry,
)
from probes.suite.classification_probe import MISCLASSIFIED, Probe, is_harmful
from probes.suite.label_sets import LabelSet
from probes.suite.probe_base import ProbeBase
from probes.suite.shipped.published_figure_files import load_figures
from probes.suite.suite import Suite

if TYPE_CHECKING:
    from clipmodel.loading import EmbeddingModel

Prompts = Mapping[tuple[str, str], Mapping[str, Sequence[str]]]  # (design, template) -> class -> prompts


def manifest(
    suite: Suite,
    model: EmbeddingModel,
    dataset: DemographicDataset,
    *,
    prompts: Mapping[str, Prompts],
    measured: Mapping[str, Collection[str]],
    images: EmbeddedImages,
    confounding: Sequence[Confounding] = (),
    specifications: Mapping[str, Sequence[Sequence[Any]]] | None = None,
    n_confirmation: int | None = None,
) -> Manifest:
    """What `Records.manifest` holds.

    Parameters
    ----------
    suite, model, dataset
        The run.
    prompts
        Probe that classifies -> what its classes were shown as.
    measured
        Probe of another kind -> the prompts it used.
    images
        The images that some probe selected.
    confounding
        Attributes that are associated in the data.
    specifications
        Probe that classifies -> design, template, rule and threshold of its specifications, in the order of
        the bit strings of `Records.outcomes`.
    n_confirmation
        Held-out images to confirm findings, where the suite asks for it.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "suite": {"name": suite.suite, "title": suite.title, "sha256": suite.sha256, "text": suite.text},
        "model": _model_entry(model),
        "data": _data_entry(dataset, images, confounding),
        "attributes": [_attribute_entry(dataset, name) for name in suite.attributes],
        "probes": [
            _with_specifications(
                _probe_entry(suite, probe, prompts[probe.name]), (specifications or {}).get(probe.name, ())
            )
            if isinstance(probe, Probe)
            else _measure_entry(suite, probe, measured[probe.name])
            for probe in suite.probes
        ],
        "published": load_figures(suite.published).model_dump() if suite.published else None,
        "prompts_sha256": _prompts_sha256(prompts, measured),
        "seed": suite.seed,
        "min_group": max(probe.min_group for probe in suite.probes),
        "min_clusters": suite.min_clusters,
        "population": None
        if suite.population is None
        else suite.population.model_dump() | {"words": suite.population.words},
        "gates": [gate.model_dump() for gate in suite.gates],
        "confirmation": None
        if suite.confirmation is None
        else suite.confirmation.model_dump() | {"n_images": n_confirmation},
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    return {
        "clip_audit": clipmodel.__version__,
        "python": platform.python_version(),
        "torch": version("torch"),  # not loaded if all embeddings are stored
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }


def _model_entry(model: EmbeddingModel) -> ModelEntry:
    return {
        "name": model.name,
        "fingerprint": model.fingerprint,
        "preprocessing": model.preprocess_id,
        "logit_scale": float(model.logit_scale),
        "logit_bias": None if model.logit_bias is None else float(model.logit_bias),
    }


def _attribute_entry(dataset: DemographicDataset, name: str) -> AttributeEntry:
    of_image = name in dataset.card.image_attributes
    entry = attribute_entry(name, of="image" if of_image else "person", order=dataset.levels(name))
    scale = scale_of(dataset, name)
    return entry if scale is None else {**entry, "scale": scale}


def _data_entry(
    dataset: DemographicDataset, images: EmbeddedImages, confounding: Sequence[Confounding]
) -> DataEntry:
    """The card of the data, and which of its images were asked about."""
    card = dataset.card
    return {
        "name": card.name,
        "title": card.title,
        "version": card.version,
        "sha256": dataset.sha256,
        "licence": card.licence,
        "consent": card.consent,
        "label_provenance": card.label_provenance,
        "labelled_by": card.labelled_by,
        "source": card.source,
        "cluster": card.cluster,
        "n_images": len(images.rows),
        "n_unreadable": len(images.unreadable),
        "n_not_loaded": len(dataset.dropped),
        "notes": list(card.notes),
        "images_sha256": images.content_sha256,
        "caution": card.caution,
        "confounding": list(confounding),
    }


def _prompts_sha256(prompts: Mapping[str, Prompts], measured: Mapping[str, Collection[str]]) -> str:
    """Over every prompt of every probe, each once."""
    texts = {
        text
        for by_design in prompts.values()
        for classes in by_design.values()
        for shown in classes.values()
        for text in shown
    } | set().union(*measured.values())
    # Sorted: the order of probes in a suite does not change what the model was shown.
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()


def _with_specifications(entry: ProbeEntry, specifications: Sequence[Sequence[Any]]) -> ProbeEntry:
    """The entry with its specifications: lists as in JSON, where the type names their four places."""
    return cast(ProbeEntry, {**entry, "specifications": [list(key) for key in specifications]})


def _probe_entry(suite: Suite, probe: Probe, prompts: Prompts) -> ProbeEntry:
    base, designs, edits = suite.label_set(probe.label_set), suite.designs(probe), suite.edits(probe)
    shown = list(dict.fromkeys(template for _, template in prompts))
    return {
        "name": probe.name,
        "title": probe.title or probe.name.replace("_", " "),
        "question": probe.question,
        "kind": probe.kind,
        "truth": probe.truth,
        "label_set": base.name,
        "label_set_source": base.source,
        "note": base.note,
        "sets": _sets(designs),
        "classes": _classes(probe, designs, prompts),
        "designs": [
            {"name": name, "description": edits[name].description, "classes": design.names}
            for name, design in designs.items()
        ],
        "templates": shown,
        "template_texts": {name: texts for name, texts in suite.template_texts.items() if name in shown},
        "groups": _columns(probe.groups),
        "outcomes": [
            {
                "name": name,
                "title": outcome.title or name.replace("_", " "),
                "kind": MISCLASSIFIED if name == MISCLASSIFIED else "set",
                "sets": outcome.sets,
                "harmful": is_harmful(outcome),
            }
            for name, outcome in probe.outcomes.items()
        ],
        "references": {attribute_column(name): to for name, to in probe.references.items()},
        "control": [attribute_column(name) for name in probe.control],
        "where_text": where_text(probe),
        "min_group": probe.min_group,
    }


def _measure_entry(suite: Suite, probe: ProbeBase, texts: Collection[str]) -> ProbeEntry:
    """The entry of a non-classification probe: the keys of one that classifies, and what it asked."""
    # Without the fields of every probe, which have keys of their own in the entry.
    settings = probe.model_dump(by_alias=True, mode="json", exclude=set(ProbeBase.model_fields))
    entry: dict[str, Any] = {
        "name": probe.name,
        "title": probe.title or probe.name.replace("_", " "),
        "question": probe.question,
        "kind": probe.kind,
        "truth": None,
        "label_set": "",
        "label_set_source": "",
        "note": "",
        "sets": {},
        **probe.offered(suite),
        "classes": [],
        "designs": [],
        "templates": [],
        "outcomes": [],
        "groups": _columns(probe.groups),
        "references": {attribute_column(name): to for name, to in probe.references.items()},
        "where_text": where_text(probe),
        "min_group": probe.min_group,
        "prompts": sorted(texts),
        **KINDS[probe.kind].described(settings),
        "settings": settings,
    }
    return cast(ProbeEntry, entry)  # what a kind offers is checked with the whole manifest


def _columns(groups: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[attribute_column(name) for name in grouping] for grouping in groups]


def _sets(designs: dict[str, LabelSet]) -> dict[str, list[str]]:
    """Class names by set, over all designs."""
    sets: dict[str, list[str]] = {}
    for design in designs.values():
        for name, members in design.members().items():
            sets[name] = list(dict.fromkeys([*sets.get(name, []), *members]))
    return sets


def _classes(probe: Probe, designs: dict[str, LabelSet], prompts: Prompts) -> list[ClassEntry]:
    """Every class of some design, with the prompts it is shown as."""
    shown: dict[str, dict[str, None]] = {}
    for classes in prompts.values():
        for name, texts in classes.items():
            shown[name] = shown.get(name, {}) | dict.fromkeys(texts)
    entries: dict[str, ClassEntry] = {}
    for design in designs.values():
        for set_name, classes_of_set in design.sets.items():
            for item in classes_of_set:
                truth = item.is_.get(probe.truth) if probe.truth else None
                prompts_of_class = list(shown[item.name])
                # A class of several designs is entered once, as the first of them has it.
                entries.setdefault(
                    item.name,
                    {"name": item.name, "set": set_name, "truth": truth, "prompts": prompts_of_class},
                )
    return list(entries.values())
