"""A number with what it counts: "1 image", "1,200 images"."""

from __future__ import annotations

import math


def number_of(n: float | None, one: str, many: str | None = None) -> str:
    """A count in words for a message, a table or a page.

    Parameters
    ----------
    n
        The count; None and NaN give a dash.
    one, many
        What is counted; `many` is `one` with an s unless given.

    Examples
    --------
    >>> number_of(1, "image"), number_of(0, "image"), number_of(1200, "family", "families")
    ('1 image', '0 images', '1,200 families')
    """
    if n is None or math.isnan(n):
        return f"\N{EN DASH} {many or f'{one}s'}"
    return f"{n:,.0f} {one if n == 1 else many or f'{one}s'}"
