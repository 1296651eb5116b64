from __future__ import annotations

import re

import pandas as pd
import pytest

from audit import figures
from audit.figures.svg import LIGHT, ROLES, for_page
from audit.result import AuditResult
from tests.audit.support.invented_audit import THRESHOLDS, invented_result


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


def _of(frame: pd.DataFrame, *, probe: str = "denigration", **where: str) -> pd.DataFrame:
    mask = frame["probe"] == probe
    for column, value in where.items():
        mask &= frame[column] == value
    return frame[mask]


@pytest.fixture(scope="module")
def drawings(result: AuditResult) -> dict[str, str]:
    """One drawing of every kind."""
    argmax = _of(result.rates, outcome="crime", rule="argmax")
    default = argmax[argmax["design"] == "default"]
    gaps = _of(result.gaps, outcome="crime", rule="argmax", design="default")
    curves = _of(result.curves, outcome="crime", design="default")
    people = ["skin_tone", "gender"]
    common = {"title": "A <title> & more", "axis": "% of images"}
    return {
        "rates": figures.rate_forest(default, attributes=people, name="rates", **common),
        "gaps": figures.difference_forest(gaps, name="gaps", title="Gaps"),
        "designs": figures.design_dumbbell(argmax, attributes=people, name="designs", **common),
        "curves": figures.threshold_curves(
            curves, attribute="skin_tone", name="curves", thresholds=THRESHOLDS, **common
        ),
        "map": figures.intersection_map(
            default, rows="skin_tone", columns="gender", small=61, name="map", title="Map"
        ),
    }


def test_a_title_is_escaped(drawings: dict[str, str]) -> None:
    assert "A &lt;title&gt; &amp; more</title>" in drawings["rates"]


def test_drawings_carry_no_script_no_date_and_no_typeface(drawings: dict[str, str]) -> None:
    for svg in drawings.values():
        assert not re.search(r"<script|<style|<metadata|font-family|matplotlib|20\d\d-", svg)
        assert not re.search(r"(?:href|src)=\"(?!#)", svg)


def test_ids_start_with_the_name_and_every_reference_is_met(drawings: dict[str, str]) -> None:
    for name, svg in drawings.items():
        ids = re.findall(r'\sid="([^"]+)"', svg)
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
        assert len(ids) == len(set(ids))
        assert all(identity.startswith(f"{name}-") for identity in ids)
        assert {one or other for one, other in used} <= set(ids)


def test_colours_are_roles_of_the_style_sheet(drawings: dict[str, str]) -> None:
    for svg in drawings.values():
        outside = re.sub(r"var\(--[a-z0-9-]+, #[0-9a-f]{6}\)", "", svg)
        assert not re.search(r"#[0-9a-f]{6}(?![0-9a-f])", outside)
        assert not re.search(r"#[0-9a-f]{6}", for_page(svg))
        assert "var(--ink)" in for_page(svg)


def test_the_stand_ins_are_distinct() -> None:
    assert len(set(ROLES.values())) == len(LIGHT)
