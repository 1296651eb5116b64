"""Invented outcomes of four images in two specifications, few enough to read: for tests of the viewer."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from audit.result import AuditResult
from tests.audit.support.invented_audit import invented_result

SPECIFICATIONS = [["default", "plain", "argmax", None], ["with_child", "plain", "probability", 0.2]]
IMAGES = pd.DataFrame(
    {"image": ["a", "b", "c", "d"], "cluster": ["a", "b", "c", "c"],
     "sex": ["man", "woman", "woman", "(missing)"], "skin_tone": ["dark", "dark", "light", "light"]}
)  # fmt: skip
PATTERNS = {("job", "wrong"): ["10", "11", "0-", "00"], ("job", "harm"): ["01", "0-", "-1", "10"]}


def probe_entry(**changes: Any) -> dict[str, Any]:
    """The probe of the invented outcomes, as a manifest has it: only what the viewer reads."""
    return {
        "name": "job", "title": "Which job?", "outcomes": [{"name": "wrong"}, {"name": "harm"}],
        "groups": [["sex"], ["sex", "skin_tone"]], "specifications": SPECIFICATIONS,
    } | changes  # fmt: skip


def outcome_rows(bit_strings: dict[tuple[str, str], list[str]]) -> pd.DataFrame:
    """Rows as of `AuditResult.outcomes`: four images an outcome."""
    return pd.concat(
        [
            IMAGES.assign(probe=probe, outcome=name, outcome_bits=found)
            for (probe, name), found in bit_strings.items()
        ],
        ignore_index=True,
    )


def result_with(outcomes: pd.DataFrame | None, *, probes: list[dict[str, Any]] | None = None) -> AuditResult:
    """The invented audit with these outcomes of images and probes."""
    whole = invented_result()
    manifest: Any = {**whole.manifest, "probes": [probe_entry()] if probes is None else probes}
    return dataclasses.replace(whole, manifest=manifest, outcomes=outcomes)
