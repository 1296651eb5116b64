"""Bounds that hold at every look at once: a confidence sequence by spending the error.

Each release is a new model, so what is bounded changes from look to look, and the images are often the same:
the looks depend on each other in a way that nobody knows. Sharing the error among them holds whatever it is,
for any number of looks and any rule of stopping (Johari et al. 2022 call such inference always valid). A
bound from products of e-values would need fresh images at every look.
"""

from __future__ import annotations


def error_of_look(look: int, *, error: float = 0.05) -> float:
    """The share of an error that one look may spend: error / (look (look + 1)), which add up to it.

    Parameters
    ----------
    look
        From 1.
    error
        Of all looks together, however many there will be.

    Raises
    ------
    ValueError
        The look is not positive, or the error does not lie between 0 and 1.

    Examples
    --------
    >>> [round(error_of_look(look), 4) for look in (1, 2, 3)]
    [0.025, 0.0083, 0.0042]
    """
    if look < 1 or not 0 < error < 1:
        raise ValueError(f"look {look}, error {error}: a look counts from 1, an error lies between 0 and 1")
    return error / (look * (look + 1))
