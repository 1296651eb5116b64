from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from audit.report.marks import INSET, curve_mark, interval_mark, share_mark

NAN = float("nan")


def parts(mark: str) -> dict[str, ET.Element]:
    """The elements of a mark by their class."""
    return {str(element.get("class")): element for element in ET.fromstring(str(mark)).iter()}


def test_an_interval_stands_where_its_numbers_say() -> None:
    found = parts(interval_mark(0.1, 0.0, 0.2, axis=(-0.2, 0.2), filled=False, margin=0.1))
    # The axis is inset by 4 %: its middle is 50 %, .1 is at 4 + 92 x 3/4 = 73 %, .2 at 96 %.
    assert (found["zero"].get("x1"), found["span"].get("x1"), found["span"].get("x2")) == (
        "50.0%",
        "50.0%",
        "96.0%",
    )
    assert found["point"].get("cx") == "73.0%"
    assert (found["band"].get("x"), found["band"].get("width")) == ("27.0%", "46.0%")


def test_a_shown_difference_is_a_filled_diamond_and_what_is_missing_is_not_drawn() -> None:
    assert "point full" in parts(interval_mark(0.1, 0.0, 0.2, axis=(0, 1), filled=True))
    empty = parts(interval_mark(NAN, NAN, NAN, axis=(0.1, 0.2), filled=True))
    assert set(empty) == {"mark"}  # not even zero, which lies outside this axis
    assert "span" not in parts(interval_mark(0.1, NAN, NAN, axis=(0, 1), filled=False))


def test_values_beyond_the_axis_stay_at_its_ends() -> None:
    found = parts(interval_mark(5.0, -5.0, 5.0, axis=(-1, 1), filled=False))
    assert (found["span"].get("x1"), found["point"].get("cx")) == (f"{INSET:.1f}%", f"{100 - INSET:.1f}%")


@pytest.mark.parametrize(("share", "width"), [(0.5, "18.0"), (2.0, "36.0"), (-1.0, "0.0"), (NAN, "0.0")])
def test_a_bar_is_filled_to_its_share(share: float, width: str) -> None:
    assert parts(share_mark(share))["full"].get("width") == width


def test_a_curve_has_a_dot_a_known_specification_from_the_smallest() -> None:
    mark = str(curve_mark([0.2, NAN, -0.1], [True, True, False]))
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', mark)]
    # From .2 down to -.1: -.1 lies at 4 + 40 = 44, .2 at 4, zero at 4 + 40 x 2/3.
    assert heights == [44.0, 4.0] and 'd="M0 30.7H240"' in mark
    assert mark.count("full") == 1 and curve_mark([NAN], [True]) == ""


def test_of_many_specifications_the_dots_of_one_kind_are_one_path() -> None:
    mark = str(curve_mark([0.01 * place for place in range(50)], [place > 47 for place in range(50)]))
    plain, full = re.findall(r'<path class="dots( full)?" d="([^"]+)"/>', mark)
    assert (plain[0], full[0]) == ("", " full") and "<circle" not in mark
    assert (plain[1].count("M"), full[1].count("M")) == (48, 2)
    # The largest of 50 is at the top and half a step from the right end: 6 + 228 x 49.5 / 50.
    assert full[1].endswith("M231.7 4.0h0")
