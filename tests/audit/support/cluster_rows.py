"""Rows of `Records.clusters` by plain sums."""

from __future__ import annotations

import numpy as np
import pandas as pd

from probes.records import MISSING
from tests.audit.support.naive_counts import ATTRIBUTES

KEY = {"probe": "work", "design": "default", "template": "plain", "rule": "argmax", "threshold": np.nan}


def wrong_rows(table: pd.DataFrame, *, by: str) -> pd.DataFrame:
    return table[(table["outcome"] == "misclassified") & (table["by"] == by)].set_index("group")


def cluster_rows(images: pd.DataFrame, cluster: np.ndarray) -> pd.DataFrame:
    """`Records.clusters` of the outcome misclassified, by plain sums."""
    wrong = (images["prediction"] != images["truth"]).astype(int)
    keys = [*ATTRIBUTES, "cluster"]
    frame = images.fillna(MISSING).assign(cluster=cluster, wrong=wrong)
    table = frame.groupby(keys)["wrong"].agg(n="size", count="sum").reset_index()
    return table.assign(**KEY, outcome="misclassified")
