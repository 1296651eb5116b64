"""A figure that fails costs a report that figure, and only inside a report."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from audit.figures.replacement import SAYS, failures_replaced, replaceable
from audit.figures.svg import for_page


@replaceable
def failing(*, name: str, title: str) -> str:
    raise IndexError(f"no {name}")


def test_in_a_notebook_it_raises() -> None:
    with pytest.raises(IndexError, match="no fig-a"):
        failing(name="fig-a", title="A")


def test_in_a_report_it_becomes_a_line_of_text_and_is_named() -> None:
    with failures_replaced(), pytest.warns(UserWarning, match=r"'fig-a' could not be drawn \(IndexError"):
        svg = failing(name="fig-a", title='A < "B"\x07')
    root = ET.fromstring(svg)
    assert [child.text for child in root] == ['A < "B"', SAYS, SAYS]
    assert SAYS in for_page(svg)
