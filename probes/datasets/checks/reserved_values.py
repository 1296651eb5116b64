"""Values of attributes that the tables of an audit use for something else, such as "(all)"."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.shards.row_places import located
from probes.records import ALL, BEST, MISSING, NO_TRUTH, OVERALL, REST

__all__ = ["RESERVED_VALUES", "refuse_reserved"]

RESERVED_VALUES = (ALL, MISSING, NO_TRUTH, REST, OVERALL, BEST)


def refuse_reserved(column: pd.Series, *, source: str | Path, images: pd.Series | None = None) -> None:
    """Refuse a column of labels that has one of `RESERVED_VALUES`.

    Parameters
    ----------
    column
        [N] clean labels; an index with a name numbers the lines or rows of a file.
    source
        The file or the data set that they are of.
    images
        [N] what their images are called, if known.

    Raises
    ------
    UserError
        It names the source, the line or row, the first image, the attribute and the value.
    """
    reserved = column.isin(RESERVED_VALUES).to_numpy()
    if not reserved.any():
        return
    first = int(reserved.argmax())
    where = source if column.index.name is None else located(source, column.index, first)
    image = "" if images is None else f", first in image {images.iloc[first]}"
    raise UserError(
        f"{where}: {column.name} is {column.iloc[first]!r}{image}; "
        "the tables of an audit use that for something else",
        remedy="call the value otherwise in the data",
    )
