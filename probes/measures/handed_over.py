"""What probes hand over, as the tables of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from probes.measures.measure_context import Results
from probes.records import ALL, MISSING, WEIGHTED, empty_table


def estimands_table(results: Results) -> pd.DataFrame:
    """The rows of `Records.estimands` of one probe."""
    return pd.DataFrame(results.estimands).assign(probe=results.probe.name, kind=results.probe.kind)


def scalars_table(results: Results) -> pd.DataFrame:
    """The rows of `Records.scalars` of one probe."""
    columns = [*empty_table("scalars", results.columns).columns, *_weight([results.context.weights])]
    parts = [
        _with_weight(part.assign(probe=results.probe.name), columns)[columns] for part in results.scalars
    ]
    return _stacked(parts)


def join_scalars(parts: Sequence[pd.DataFrame], levels: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Tables of scalars under each other; words stay categories, since rows are many.

    Parameters
    ----------
    levels
        Column of a group attribute -> its values in their order.
    """
    empty = empty_table("scalars", list(levels))
    if not parts:
        return empty
    columns = [*empty.columns, *_weight([part.get(WEIGHTED[0]) for part in parts])]
    filled = [part.assign(**{name: ALL for name in levels if name not in part}) for part in parts]
    table = _stacked([_with_weight(part, columns)[columns] for part in filled])
    ordered = {
        name: table[name].astype(pd.CategoricalDtype([*values, MISSING, ALL]))
        for name, values in levels.items()
    }
    return table.assign(**ordered)


def _weight(weights: Sequence[object]) -> list[str]:
    """The column of weights, if some part has it."""
    return [WEIGHTED[0]] if any(one is not None for one in weights) else []


def _with_weight(part: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Rows of no image, such as the shares that groups are expected to have, count as one."""
    return part.assign(**{WEIGHTED[0]: 1.0}) if WEIGHTED[0] in columns and WEIGHTED[0] not in part else part


def _stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of the same columns under each other; columns of words become categories of all parts."""
    numbers: dict[str, Literal["float64", "int64"]] = {
        "k": "float64", "n": "int64", "value": "float64", WEIGHTED[0]: "float64",
    }  # fmt: skip
    columns = {}
    for name in parts[0].columns:
        pieces = [part[name] for part in parts]
        if name in numbers:
            columns[name] = pd.concat(pieces, ignore_index=True).astype(numbers[name])
        else:
            own = [pd.Categorical(piece.astype("category")) for piece in pieces]
            # pandas unites categories of one type only; parts without a value have another.
            plain = [pd.Categorical.from_codes(p.codes, p.categories.astype("str")) for p in own]
            columns[name] = pd.Series(pd.api.types.union_categoricals(plain))
    return pd.DataFrame(columns)
