"""Small marks inside tables: an interval, a share, a curve of specifications. Plain SVG, a few hundred bytes.

They repeat numbers written next to them, so they are hidden from screen readers. Colours come from the
style sheet by class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

HEIGHT: Final = 14
FEW_DOTS: Final = 40
INSET: Final = 4
"""Percent of the width that stay free at both ends, for the marks."""


def interval_mark(
    value: float,
    low: float,
    high: float,
    *,
    axis: tuple[float, float],
    filled: bool,
    margin: float | None = None,
) -> Markup:
    """Return an interval around its estimate on an axis that all marks of a table share.

    Parameters
    ----------
    value, low, high
        In the units of the axis; NaN leaves the axis empty.
    axis
        Its two ends; a line stands at 0.
    filled
        A filled diamond for a difference that is shown, an open circle for any other.
    margin
        Of a gate: the band from minus to plus the margin is shaded.
    """
    parts = []
    if margin is not None:
        left, right = _place(-margin, axis), _place(margin, axis)
        parts.append(f'<rect class="band" x="{left:.1f}%" width="{right - left:.1f}%" height="{HEIGHT}"/>')
    if axis[0] <= 0 <= axis[1]:
        zero = f"{_place(0, axis):.1f}%"
        parts.append(f'<line class="zero" x1="{zero}" x2="{zero}" y2="{HEIGHT}"/>')
    if not math.isnan(value):
        if not math.isnan(low + high):
            ends = f'x1="{_place(low, axis):.1f}%" x2="{_place(high, axis):.1f}%"'
            parts.append(f'<line class="span" {ends} y1="7" y2="7"/>')
        x = f"{_place(value, axis):.1f}%"
        # A drawing inside the drawing keeps its shape at any width of the table.
        parts.append(
            f'<svg x="{x}" y="7" overflow="visible"><path class="point full" d="M-4 0l4-4 4 4-4 4z"/></svg>'
            if filled
            else f'<circle class="point" cx="{x}" cy="7" r="3"/>'
        )
    return Markup(f'<svg class="mark" aria-hidden="true" focusable="false">{"".join(parts)}</svg>')


def share_mark(share: float) -> Markup:
    """Return a bar filled to a share in [0, 1]; NaN leaves it empty."""
    filled = 0.0 if math.isnan(share) else 36 * min(max(share, 0.0), 1.0)
    return Markup(
        '<svg class="share" viewBox="0 0 36 8" aria-hidden="true" focusable="false">'
        '<rect class="band" width="36" height="8"/>'
        f'<rect class="full" width="{filled:.1f}" height="8"/></svg>'
    )


def curve_mark(values: Sequence[float], shown: Sequence[bool]) -> Markup:
    """Return a specification curve: one dot per specification, sorted, filled where the difference is shown.

    Parameters
    ----------
    values
        Differences in any order; NaN are left out.
    shown
        Whether each is a finding.
    """
    known = sorted((value, one) for value, one in zip(values, shown, strict=True) if not math.isnan(value))
    if not known:
        return Markup("")
    low, high = min(0.0, known[0][0]), max(0.0, known[-1][0])
    room = (high - low) or 1.0

    def dot(place: int, value: float, one: bool) -> str:
        x = 6 + 228 * (place + 0.5) / len(known)
        y = 4 + 40 * (high - value) / room
        return f'<circle class="point{" full" if one else ""}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'

    def dots_of(wanted: bool) -> str:
        """All dots of one kind as one path: of hundreds, an element each would be most of the page."""
        steps = [
            f"M{6 + 228 * (place + 0.5) / len(known):.1f} {4 + 40 * (high - value) / room:.1f}h0"
            for place, (value, one) in enumerate(known)
            if one == wanted
        ]
        return f'<path class="dots{" full" if wanted else ""}" d="{"".join(steps)}"/>' if steps else ""

    few = len(known) <= FEW_DOTS
    dots = (
        "".join(dot(place, value, one) for place, (value, one) in enumerate(known))
        if few
        else dots_of(False) + dots_of(True)
    )
    zero = 4 + 40 * high / room
    return Markup(
        '<svg class="curve" viewBox="0 0 240 48" aria-hidden="true" focusable="false">'
        f'<path class="zero" d="M0 {zero:.1f}H240"/>{dots}</svg>'
    )


def _place(value: float, axis: tuple[float, float]) -> float:
    """Percent of the width."""
    low, high = axis
    share = (value - low) / ((high - low) or 1.0)
    return INSET + (100 - 2 * INSET) * min(max(share, 0.0), 1.0)
