"""Families of estimands for tests, from plain arrays of one number per image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from audit.tables.measure_statistics.family import Family, ProbeScalars
from probes.records import ALL


def scalar_rows(
    values: Mapping[str, Sequence[float]],
    *,
    cluster: Sequence[object] | None = None,
    side: Sequence[str] | str = "",
    n: Sequence[int] | int = 1,
    k: float = np.nan,
    **attributes: Sequence[str],
) -> pd.DataFrame:
    """Rows of `Records.scalars` of one template: every item has a value for each image."""
    size = len(next(iter(values.values())))
    images = [f"image {number}" for number in range(size)]
    own = {"image": images, "cluster": images if cluster is None else list(cluster), "side": side, "n": n}
    parts = [
        pd.DataFrame({"template": "plain", "item": item, "k": k, "value": list(numbers), **own, **attributes})
        for item, numbers in values.items()
    ]
    return pd.concat(parts, ignore_index=True)


def family_of(
    frame: pd.DataFrame,
    rows: Sequence[Mapping[str, Any]],
    *,
    by: Sequence[str] = (),
    least: int = 2,
    **settings: Any,
) -> Family:
    """One row per estimand: item, and the values of the attributes in `by`; k and metric if they matter."""
    attributes = [name for name in frame.columns if name in ("gender", "region")]
    everyone = dict.fromkeys(attributes, ALL)
    table = pd.DataFrame(
        [{"template": "plain", "k": np.nan, "metric": "m", **everyone, **row} for row in rows]
    )
    return Family(
        rows=table, by=tuple(by), scalars=ProbeScalars(frame, attributes),
        probe={"name": "p", "settings": settings}, least=least, seed=0,
    )  # fmt: skip
