"""Per-image outcomes for tests, as a run keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from probes.records import EVENT_COLUMNS, KEYS

SPECIFICATIONS = [
    ["default", "plain", "argmax", None],
    ["default", "plain", "probability", 0.5],
    ["with_child", "plain", "argmax", None],
]


def outcome_rows(
    bit_strings: Sequence[str], *, probe: str = "work", outcome: str = "harm", **groups: Sequence[str]
) -> pd.DataFrame:
    """Rows of `Records.outcomes` of one outcome, an image per bit string."""
    images = [f"{number:016x}" for number in range(len(bit_strings))]
    columns = {"probe": probe, "outcome": outcome, "image": images, "cluster": images, **groups}
    return pd.DataFrame(columns | {"outcome_bits": list(bit_strings)})


def counts_of(
    outcomes: pd.DataFrame, specifications: Sequence[Sequence[object]], *, by: Sequence[str]
) -> pd.DataFrame:
    """The counts that belong to such rows: one set event named like the outcome, by plain masks."""
    rows = []
    for (probe, outcome), own in outcomes.groupby(["probe", "outcome"], sort=False):
        for place, key in enumerate(specifications):
            threshold = np.nan if key[3] is None else key[3]
            for cell, images in own.groupby(list(by), sort=False):
                characters = images["outcome_bits"].str[place]
                event = ("(none)", "set", outcome, len(images), int((characters == "1").sum()))
                if not (characters == "-").any():
                    rows.append((probe, *key[:3], threshold, *cell, *event))
    table = pd.DataFrame(rows, columns=[*KEYS, *by, *EVENT_COLUMNS])
    return table.astype({"threshold": "float64", "n": "int64", "count": "int64"})


def probe_of(
    specifications: Sequence[Sequence[object]], *, by: Sequence[str], **changes: object
) -> Mapping[str, object]:
    """A manifest's entry of the probe that `outcome_rows` speaks of."""
    return {
        "name": "work",
        "title": "Work",
        "groups": [[name] for name in by],
        "outcomes": [{"name": "harm", "title": "harm", "kind": "set", "sets": ["harm"]}],
        "specifications": [list(key) for key in specifications],
        "references": {},
    } | changes
