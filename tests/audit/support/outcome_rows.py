"""Per-image outcomes for tests, as a run keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from probes.records import EVENT_COLUMNS, KEYS

ASKED = [
    ["default", "plain", "argmax", None],
    ["default", "plain", "probability", 0.5],
    ["with_child", "plain", "argmax", None],
]


def outcome_rows(
    patterns: Sequence[str], *, probe: str = "work", outcome: str = "harm", **groups: Sequence[str]
) -> pd.DataFrame:
    """Rows of `Records.outcomes` of one outcome, an image a pattern."""
    images = [f"{number:016x}" for number in range(len(patterns))]
    columns = {"probe": probe, "outcome": outcome, "image": images, "cluster": images, **groups}
    return pd.DataFrame(columns | {"pattern": list(patterns)})


def counts_of(
    outcomes: pd.DataFrame, asked: Sequence[Sequence[object]], *, by: Sequence[str]
) -> pd.DataFrame:
    """The counts that belong to such rows: one set event named like the outcome, by plain masks."""
    rows = []
    for (probe, outcome), own in outcomes.groupby(["probe", "outcome"], sort=False):
        for place, key in enumerate(asked):
            threshold = np.nan if key[3] is None else key[3]
            for cell, images in own.groupby(list(by), sort=False):
                letters = images["pattern"].str[place]
                event = ("(none)", "set", outcome, len(images), int((letters == "1").sum()))
                if not (letters == "-").any():
                    rows.append((probe, *key[:3], threshold, *cell, *event))
    table = pd.DataFrame(rows, columns=[*KEYS, *by, *EVENT_COLUMNS])
    return table.astype({"threshold": "float64", "n": "int64", "count": "int64"})


def probe_of(
    asked: Sequence[Sequence[object]], *, by: Sequence[str], **changes: object
) -> Mapping[str, object]:
    """A manifest's entry of the probe that `outcome_rows` speaks of."""
    return {
        "name": "work",
        "title": "Work",
        "groups": [[name] for name in by],
        "outcomes": [{"name": "harm", "title": "harm", "kind": "set", "sets": ["harm"]}],
        "asked": [list(key) for key in asked],
        "references": {},
    } | changes
