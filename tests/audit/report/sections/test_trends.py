"""The section on trends: left out without one; scales in words, a figure per curve."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd

from audit.report.sections.trends import build
from probes.records.schemas import SCHEMAS

SPECIFICATION = {
    "probe": "p", "design": "d", "template": "t", "rule": "argmax", "threshold": float("nan"),
    "outcome": "harm",
}  # fmt: skip


def context(trends: pd.DataFrame, curves: pd.DataFrame) -> Any:
    rates = pd.DataFrame(
        [SPECIFICATION | {"age": age, "rate": 0.2, "low": 0.1, "high": 0.3} for age in ("20", "30", "(all)")]
    )
    manifest = {
        "attributes": [
            {"column": "age", "order": ["20", "30"], "scale": {"kind": "numbers", "scores": [20, 30]}}
        ]
    }
    result = SimpleNamespace(trends=trends, trend_curves=curves, rates=rates, manifest=manifest)
    return cast(Any, SimpleNamespace(result=result, titles={("p", "harm"): "Words, harm"}))


def test_without_a_trend_there_is_no_section() -> None:
    assert build(context(SCHEMAS["trends"].empty(), SCHEMAS["trend_curves"].empty())) is None


def test_scales_are_named_and_curves_are_drawn() -> None:
    """A NaN threshold, as argmax has, matches the groups of the same specification."""
    row = dict.fromkeys(SCHEMAS["trends"].columns(), float("nan")) | SPECIFICATION
    row |= {"by": "age", "scale": "numbers: 20, 30", "n": 9, "clusters": 9, "note": "", "slope": -0.0123}
    curve = pd.DataFrame(
        [SPECIFICATION | {"by": "age", "at": at, "rate": 0.2, "low": 0.1, "high": 0.3} for at in (20.0, 30.0)]
    )
    section = build(context(pd.DataFrame([row]), curve))
    assert section is not None
    assert section.scales == ["age: numbers: 20, 30"]
    assert len(section.figures) == 1
    assert "\u22121.23" in section.table.rows[0]
