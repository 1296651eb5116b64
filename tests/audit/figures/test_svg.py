from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from audit.figures.colours import LIGHT
from audit.figures.drawing import Area, Box, Drawing, Label, Line, Marks
from audit.figures.svg import for_page, standalone, to_svg
from audit.result import AuditResult
from tests.audit.support.drawings import every_drawing
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def drawings() -> dict[str, str]:
    return every_drawing()


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


def _drawn(*items: Line | Marks | Area | Box | Label) -> str:
    drawing = Drawing(width=100, height=50, items=list(items), clip=(10, 5, 80, 40))
    return to_svg(drawing, name="n", title="t", description="d")


def test_every_kind_of_item_is_written_as_it_says() -> None:
    line = _drawn(Line(parts=[[(0, 0), (1.005, 2)], [(3, 4), (5, 6)]], role="ink", width=1.5, dash=(3, 2)))
    assert 'd="M0 0 1 2M3 4 5 6"' in line or 'd="M0 0 1.00 2M3 4 5 6"' in line
    assert 'stroke-dasharray="3,2"' in line and 'fill="none"' in line and "clip-path" not in line
    area = _drawn(Area(outline=[(0, 0), (1, 0), (1, 1)], role="accent", opacity=0.2, clipped=True))
    assert '<clipPath id="n-clip"><rect x="10" y="5" width="80" height="40"/></clipPath>' in area
    assert 'd="M0 0 1 0 1 1z" clip-path="url(#n-clip)"' in area and 'fill-opacity="0.2"' in area
    box = _drawn(
        Box(corner=(1, 2), width=3, height=4, fill="heat-1", edge="paper", edge_width=1, hatched=True)
    )
    assert box.count('<rect x="1" y="2" width="3" height="4"') == 2 and 'id="n-hatch"' in box
    marks = _drawn(Marks(points=[(1, 2), (3, 4)], shape="s", size=2, role="ink", fill="none"))
    assert "fill: none" in marks and marks.count("M") == 2


def test_labels_come_last_and_neighbours_of_one_look_share_a_group() -> None:
    first, second = (Label(place=(1, place), text="<b>", anchor="end", role="muted") for place in (2, 3))
    halo = Label(place=(5, 6), text="x", bold=True, halo="paper", turned=True)
    svg = _drawn(first, second, halo, Line(parts=[[(0, 0), (1, 1)]], role="ink", width=1))
    assert svg.index("<path") < svg.index("<text")
    assert svg.count('<g text-anchor="end"') == 1 and svg.count("&lt;b&gt;") == 2
    assert 'paint-order="stroke"' in svg and 'transform="rotate(-90 5 6)"' in svg


def test_signs_that_xml_cannot_hold_are_replaced() -> None:
    svg = _drawn(Label(place=(0, 0), text="a\x00\x1b\ud800b"))
    assert ">a\N{REPLACEMENT CHARACTER}" in svg and "\x00" not in svg
    ET.fromstring(svg)


def test_a_drawing_of_its_own_has_a_size_a_ground_and_plain_colours() -> None:
    svg = standalone(_drawn(Label(place=(0, 0), text="x", role="warn")))
    assert 'width="100pt" height="50pt"' in svg and "var(" not in svg
    assert (
        f"fill: {LIGHT['warn']}" in svg
        and f'<rect width="100" height="50" style="fill: {LIGHT["paper"]}"/>' in svg
    )
