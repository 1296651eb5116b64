"""The manifest of a run: what was asked, of which model, on which data. The same run gives the same one."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

import clipmodel
from clipmodel.zoo import EmbeddingModel
from probes.datasets.base import DemographicDataset
from probes.embeddings import EmbeddedImages
from probes.label_sets import LabelSet
from probes.records import SCHEMA_VERSION
from probes.schema import MISCLASSIFIED, Probe, Suite, is_harmful
from probes.selection import where_text
from probes.templates import render


def manifest(
    suite: Suite,
    model: EmbeddingModel,
    dataset: DemographicDataset,
    *,
    prompts: Sequence[str],
    images: EmbeddedImages,
) -> dict[str, Any]:
    """What `Records.manifest` holds.

    Parameters
    ----------
    suite, model, dataset
        The run.
    prompts
        Every text that was embedded.
    images
        The images that some probe selected.
    """
    card = dataset.card
    return {
        "schema_version": SCHEMA_VERSION,
        "suite": {"name": suite.suite, "title": suite.title, "sha256": suite.sha256, "text": suite.text},
        "model": {
            "name": model.name,
            "fingerprint": model.fingerprint,
            "preprocessing": model.preprocess_id,
            "logit_scale": float(model.logit_scale),
            "logit_bias": None if model.logit_bias is None else float(model.logit_bias),
        },
        "data": {
            "name": card.name,
            "title": card.title,
            "version": card.version,
            "sha256": dataset.sha256,
            "licence": card.licence,
            "consent": card.consent,
            "label_provenance": card.label_provenance,
            "cluster": card.cluster,
            "n_images": len(images.rows),
            "n_unreadable": len(images.unreadable),
            "n_not_loaded": len(dataset.dropped),
            "notes": list(card.notes),
            "images_sha256": images.content_sha256,
            "caution": card.caution,
        },
        "probes": [_probe_entry(suite, probe) for probe in suite.probes],
        "prompts_sha256": hashlib.sha256("\n".join(sorted(set(prompts))).encode()).hexdigest(),
        "seed": suite.seed,
        "min_group": max(probe.min_group for probe in suite.probes),
        "gates": [gate.model_dump() for gate in suite.gates],
        "versions": {
            "clip_audit": clipmodel.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
    }


def _probe_entry(suite: Suite, probe: Probe) -> dict[str, Any]:
    base, designs = suite.label_set(probe.label_set), suite.designs(probe)
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
        "classes": _classes(suite, probe, designs),
        "designs": [
            {"name": name, "description": probe.designs[name].description, "classes": design.names}
            for name, design in designs.items()
        ],
        "templates": probe.templates,
        "groups": probe.groups,
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
        "references": probe.references,
        "where_text": where_text(probe),
        "min_group": probe.min_group,
    }


def _sets(designs: dict[str, LabelSet]) -> dict[str, list[str]]:
    """Class names by set, over all designs."""
    sets: dict[str, list[str]] = {}
    for design in designs.values():
        for name, members in design.members().items():
            sets[name] = list(dict.fromkeys([*sets.get(name, []), *members]))
    return sets


def _classes(suite: Suite, probe: Probe, designs: dict[str, LabelSet]) -> list[dict[str, Any]]:
    """Every class of some design, with the prompts it is shown as."""
    texts = [text for name in probe.templates for text in suite.template_texts[name]]
    entries: dict[str, dict[str, Any]] = {}
    for design in designs.values():
        for set_name, classes in design.sets.items():
            for item in classes:
                prompts = list(dict.fromkeys(render(text, item) for text in texts))
                truth = item.is_.get(probe.truth) if probe.truth else None
                entries.setdefault(
                    item.name, {"name": item.name, "set": set_name, "truth": truth, "prompts": prompts}
                )
    return list(entries.values())
