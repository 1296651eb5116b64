"""Whole audits of sound suites over odd data: few images, lone groups, empty columns, equal embeddings.

A case draws a table of embeddings with attributes and a suite of one to three probes of any kind that needs
no images, runs it, writes tables and report, reads them again, and compares the audit with another model's.

N images, D = 8 dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit.comparison.compare import compare
from audit.comparison.files import write_comparison
from audit.report import render_report
from audit.result import AuditResult
from benchmarks.fuzz.damage import Case
from probes.datasets.formats.embeddings import load_embeddings
from probes.embeddings.precomputed import precomputed_model
from probes.runner import run_suite
from probes.suite.suite import Suite

DIM = 8
SIZES = (1, 2, 3, 5, 12, 40, 150)
COLOURS, HARM = ("red", "green", "blue"), ("criminal", "suspect")
PROMPTS = ("a photo of a person", "a photo of a woman", "a photo of a man")
LABEL_SET = {
    "sets": {
        "identity": [{"name": name, "is": {"colour": name}} for name in COLOURS],
        "harm: crime": list(HARM),
    }
}
WORDS = {"warm": ["red"], "cold": ["green", "blue"]}
CONTRAST = {"gender": ["woman", "man"]}


def audit_case() -> Case:
    """Draw data and a suite, and audit them from the file of embeddings to the report."""

    def run(rng: np.random.Generator, folder: Path) -> None:
        suite = Suite.model_validate(drawn_suite(rng))
        size = int(rng.choice(SIZES))
        labels = drawn_labels(rng, size)
        first = _audited(suite, _embeddings(rng, size), labels, rng, folder / "first")
        if rng.random() < 0.3 and first.outcomes is not None:
            second = _audited(suite, _embeddings(rng, size), labels, rng, folder / "second")
            found = compare(first, second, margin=0.02)
            write_comparison(found, folder / "comparison", manifest=first.manifest)

    return run


def _audited(
    suite: Suite, images: np.ndarray, labels: pd.DataFrame, rng: np.random.Generator, folder: Path
) -> AuditResult:
    """The audit as its folder has it, which must be the audit that was written."""
    texts = [*COLOURS, *HARM, *PROMPTS]
    vectors = _unit(np.random.default_rng(0).normal(size=(len(texts), DIM)))
    folder.mkdir(exist_ok=True)
    file = folder / "embeddings.npz"
    columns: dict[str, Any] = {name: labels[name].to_numpy(dtype=str) for name in labels}
    scale = {"logit_scale": np.array(float(rng.choice([1.0, 100.0])))}
    np.savez(file, image=images, text=vectors, text_name=np.array(texts), **scale, **columns)
    data = load_embeddings(file)
    model = precomputed_model(data)
    if model is None:
        raise AssertionError("a file of embeddings stands for a model")
    result = AuditResult.from_records(run_suite(suite, model, data))
    result.write(folder / "audit")
    read = AuditResult.read(folder / "audit")
    if read != result:
        raise AssertionError("the folder holds another audit than was written")
    render_report(read)
    return read


def drawn_labels(rng: np.random.Generator, size: int) -> pd.DataFrame:
    """[N] attributes, any of which may be missing of some or all images, or be one value."""
    frame = pd.DataFrame(
        {
            "gender": rng.choice(["woman", "man"], size),
            "race": rng.choice(["A", "B", "C"], size, p=[0.7, 0.25, 0.05]),
            "colour": rng.choice(COLOURS, size),
            "income": rng.integers(0, 600, size).astype(str),
            "subject_id": [
                f"s{one}" for one in rng.integers(0, max(1, size // int(rng.integers(1, 5))), size)
            ],
            "weight": rng.choice(["1", "2.5", "10"], size),
        }
    )
    for name in ("gender", "race", "colour", "income", "subject_id"):
        drawn = rng.random()
        if drawn < 0.1:
            frame[name] = frame[name].where(rng.random(size) < rng.choice([0.0, 0.1, 0.7]), "")
        elif drawn < 0.2:
            frame[name] = frame[name].iloc[0]
    return frame


def _embeddings(rng: np.random.Generator, size: int) -> np.ndarray:
    """[N, D] of unit norm; sometimes all are one, so that every score is a tie."""
    drawn = rng.normal(size=(size, DIM))
    return _unit(np.repeat(drawn[:1], size, axis=0) if rng.random() < 0.15 else drawn)


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def drawn_suite(rng: np.random.Generator) -> dict[str, Any]:
    """A sound suite of one to three probes."""
    kinds = list(PROBES)
    chosen = [str(kind) for kind in rng.choice(kinds, int(rng.integers(1, 4)))]
    probes = []
    for number, kind in enumerate(chosen):
        groups = [[["gender"]], [["race"]], [["gender"], ["race"], ["gender", "race"]], []]
        probe = {"name": f"p{number}", "min_group": int(rng.choice([1, 3, 30])), **PROBES[kind](rng)}
        own = groups[int(rng.integers(0, len(groups)))]
        # Some kinds compare two groups of their own.
        if kind not in ("association_bias", "contrast"):
            probe["groups"] = own or ([["gender"]] if kind in ("association", "ranking") else [])
        if own and kind == "classification" and rng.random() < 0.5:
            probe["references"] = {own[0][0]: str(rng.choice(["(rest)", "(overall)", "(best)"]))}
        if ["gender"] not in probe.get("groups", []):
            probe.pop("bias", None)  # of a group attribute
        probes.append(probe)
    suite: dict[str, Any] = {
        "suite": "fuzz", "data": "x", "label_sets": {"colours": LABEL_SET}, "probes": probes,
        "thresholds": [0.1, 0.5], "cosines": [0.0, 0.3], "top_k": [1, 2], "shares": [0.2],
        "curve": int(rng.choice([3, 11])), "min_clusters": int(rng.choice([2, 10])),
        "seed": int(rng.integers(0, 9)),
    }  # fmt: skip
    if rng.random() < 0.2:
        suite["population"] = {"weights": "weight"}
    elif rng.random() < 0.2:
        suite["population"] = {"shares": {"gender": {"woman": 0.5, "man": 0.5}}}
    if rng.random() < 0.2:
        suite["confirmation"] = {"share": 0.5}
    return suite


def _classification(rng: np.random.Generator) -> dict[str, Any]:
    rules = ["argmax", "probability", "cosine", "top_k", "calibrated"]
    probe: dict[str, Any] = {
        "label_set": "colours",
        "rules": [str(rule) for rule in rng.choice(rules, int(rng.integers(1, 4)), replace=False)],
        "outcomes": {"crime": {"sets": ["harm: crime"]}},
    }
    if rng.random() < 0.7:
        probe |= {"truth": "colour", "uncovered": "exclude"}
        probe["outcomes"]["misclassified"] = {}
    if rng.random() < 0.4:
        probe["designs"] = {"all": {}, "no crime": {"drop": ["suspect"]}}
    if rng.random() < 0.3:
        probe["auto"] = ["drop_one"]
    if rng.random() < 0.3:
        probe["control"] = ["income" if rng.random() < 0.5 else "colour"]
    return probe


PROBES: dict[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "classification": _classification,
    "association": lambda rng: {"kind": "association", "words": WORDS, "permutations": 99},
    "contrast": lambda rng: {
        "kind": "association", "words": WORDS, "permutations": 99, "contrast": CONTRAST,
        **({"test": "sc_weat"} if rng.random() < 0.5 else {"test": "weat", "between": ["warm", "cold"]}),
    },
    "association_bias": lambda rng: {
        "kind": "association_bias", "label_set": "colours", "contrast": CONTRAST, "permutations": 99,
        "counted": str(rng.choice(["share", "probability"])),
    },
    "conditionals": lambda rng: {
        "kind": "conditionals", "label_set": "colours", "outcomes": {"crime": ["harm: crime"]},
        "k": int(rng.integers(1, 3)), "at_least": float(rng.choice([0.0, 0.3])),
    },
    "counterfactual": lambda rng: {
        "kind": "counterfactual", "label_set": "colours", "attribute": "gender",
        "outcomes": {"crime": ["harm: crime"]}, **({"same": ["income"]} if rng.random() < 0.5 else {}),
    },
    "group_accuracy": lambda rng: {
        "kind": "group_accuracy", "label_set": "colours", "truth": "colour", "k": [1, 2],
        **({"buckets": {"income": [100, 590]}} if rng.random() < 0.5 else {}),
    },
    "markedness": lambda rng: {"kind": "markedness", "marked": list(PROMPTS[1:])},
    "ranking": lambda rng: {
        "kind": "ranking", "words": WORDS, "k": [2, 50],
        "reference": str(rng.choice(["uniform", "dataset", "candidates"])),
        "zero_rule": str(rng.choice(["1/K", "1/groups", "zero"])),
        "tie_rule": str(rng.choice(["shared", "row order"])),
        **({"bias": CONTRAST} if rng.random() < 0.5 else {}),
    },
}  # fmt: skip
"""Kind -> what its settings are drawn by."""
