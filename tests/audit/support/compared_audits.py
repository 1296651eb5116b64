"""Two audits of the same images, to be compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.result import AuditResult
from probes.records import Records, empty_counts
from tests.audit.support.naive_counts import manifest_of
from tests.audit.support.outcome_rows import counts_of, outcome_rows, probe_of

SPECIFICATIONS = [["default", "plain", "argmax", None], ["with_child", "plain", "argmax", None]]


SIDES = {"model": {"name": "v1", "fingerprint": "a" * 16}, "suite": {"name": "invented", "title": "Invented"}}


def audit_of(
    bit_strings: list[str], tones: list[str], *, specifications: list[list[object]] = SPECIFICATIONS
) -> AuditResult:
    """An audit with one outcome, from what happened to each image."""
    outcomes = outcome_rows(bit_strings, tone=tones)
    probe = probe_of(
        specifications,
        by=["tone"],
        designs=[{"name": key[0], "classes": []} for key in specifications],
        templates=["plain"],
    )
    excluded = pd.DataFrame(columns=["probe", "reason", "tone", "n"]).astype({"n": "int64"})
    return AuditResult.from_records(
        Records(
            manifest=manifest_of(probe, **SIDES), counts=counts_of(outcomes, specifications, by=["tone"]),
            curves=empty_counts(["tone"]), excluded=excluded, outcomes=outcomes,
        )
    )  # fmt: skip


def drawn(n: int, *, seed: int, worse: float = 0.0) -> tuple[AuditResult, AuditResult]:
    """Two versions of a model: `worse` is the chance that the second newly fails on a dark image."""
    rng = np.random.default_rng(seed)
    tones = rng.choice(["dark", "light"], n).tolist()
    first = rng.random((n, 2)) < 0.2
    second = first ^ (rng.random((n, 2)) < 0.02)
    second |= (rng.random((n, 2)) < worse) & (np.array(tones) == "dark")[:, None]
    sides = [["".join("01"[int(bit)] for bit in image) for image in side] for side in (first, second)]
    return audit_of(sides[0], tones), audit_of(sides[1], tones)
