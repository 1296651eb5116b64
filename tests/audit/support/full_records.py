"""Records in which every table has rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from probes.records import SCHEMAS, Records
from tests.audit.support.naive_counts import ATTRIBUTES, draw_images, records_of, with_holes

GATE = {
    "name": "tones", "probe": "work", "outcome": "misclassified", "groups": ["skin_tone"],
    "margin": 0.1, "metric": "difference",
}  # fmt: skip


IMAGES = with_holes(draw_images(600, seed=7, extra={"dark": 0.3}))


def curve_of(counts: pd.DataFrame) -> pd.DataFrame:
    sets = counts[counts["event_kind"] == "set"]
    return pd.concat(
        [sets.assign(rule="probability", threshold=t) for t in (0.0, 0.5, 1.0)], ignore_index=True
    )


def full_records() -> Records:
    records = records_of(IMAGES, gates=[GATE])
    excluded = pd.DataFrame(
        [["work", "unreadable image", "dark", "(all)", 2]], columns=records.excluded.columns
    )
    per_image = pd.DataFrame(
        {
            **dict.fromkeys(("design", "template", "cluster", "gender", "truth", "prediction"), "a"),
            "probe": "work",
            "image_id": ["a", "b"],
            "skin_tone": pd.Categorical(["dark", "light"], categories=["light", "dark", "x"]),
            "probability": [0.5, 0.25],
            "score_harm": [0.5, np.nan],
        }
    )
    per_image = SCHEMAS["images"].conform(per_image, ATTRIBUTES)
    return dataclasses.replace(records, curves=curve_of(records.counts), excluded=excluded, images=per_image)
