"""Findings tested once more, on images that exploration did not see.

Who tries many label sets, prompts and thresholds will find something. A suite can hold images out: what was
found on the others is tested on them again, one test per finding, in the specification that the finding
speaks of, with Holm's adjustment over the findings. Only these tests are free of the search that led to them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from audit.statistics.multiplicity import holm
from audit.tables.context import TableContext
from audit.tables.groups.cluster_counts import Clusters
from audit.tables.groups.group_counts import SPECIFICATION
from audit.tables.rates import gap_table

EXPLORED, CONFIRMED, NOT_CONFIRMED, NOT_TESTED = "explored", "confirmed", "not confirmed", "not tested"
LEVEL = 0.05
CONFIRMATION_COLUMNS: Final = (
    "status", "confirmation_n_group", "confirmation_n_reference", "confirmation_clusters_group",
    "confirmation_clusters_reference", "confirmation_difference", "confirmation_low", "confirmation_high",
    "confirmation_p_adjusted",
)  # fmt: skip
_TAKEN: Final = {
    "n_group": "confirmation_n_group",
    "n_reference": "confirmation_n_reference",
    "clusters_group": "confirmation_clusters_group",
    "clusters_reference": "confirmation_clusters_reference",
    "difference": "confirmation_difference",
    "difference_low": "confirmation_low",
    "difference_high": "confirmation_high",
    "p": "p",
}


def with_confirmation(
    context: TableContext,
    findings: pd.DataFrame,
    confirmation: pd.DataFrame | None,
    *,
    clusters: Clusters = None,
) -> pd.DataFrame:
    """Add to each finding what the held-out images say of it.

    Parameters
    ----------
    findings
        As `audit.conclusions.findings.findings_among` makes them.
    confirmation
        `Records.confirmation`; None if the suite holds no images out.
    clusters
        Of these images: `Records.confirmation_clusters` and `confirmation_moments`.

    Returns
    -------
    The findings with `CONFIRMATION_COLUMNS` before the sentence. `status` is "explored" without a
    confirmation; else "confirmed" where the adjusted p is below 0.05 and the gap has the same direction, "not
    confirmed" where it is not, "not tested" where a side has too few images or clusters. The difference, its
    95 % interval and the p, adjusted over all findings that could be tested, are of the held-out images
    alone.
    """
    places = list(findings.columns)
    cut = places.index("sentence")
    if confirmation is None:
        added = dict.fromkeys(CONFIRMATION_COLUMNS[1:], np.nan)
        table = findings.assign(status=pd.Series(EXPLORED, index=findings.index, dtype="str"), **added)
    else:
        gaps = gap_table(context.of_counts(confirmation, clusters=clusters))
        keys = [*SPECIFICATION, "by", "group", "reference"]
        second = gaps[[*keys, *_TAKEN]].rename(columns=_TAKEN)
        # Whole numbers that may be missing are floats, so that the table has the same types when read back.
        sizes = {
            name: "float64"
            for name in second.columns
            if name.startswith(("confirmation_n", "confirmation_c"))
        }
        table = findings.merge(second.astype(sizes), on=keys, how="left", validate="one_to_one")
        table["confirmation_p_adjusted"] = holm(table["p"])
        table["status"] = _status(table)
    return table[[*places[:cut], *CONFIRMATION_COLUMNS, *places[cut:]]]


def _status(table: pd.DataFrame) -> pd.Series:
    same = np.sign(table["confirmation_difference"]) == np.sign(table["difference"])
    held = (table["confirmation_p_adjusted"] < LEVEL) & same
    status = np.select([table["p"].isna(), held], [NOT_TESTED, CONFIRMED], default=NOT_CONFIRMED)
    return pd.Series(status, index=table.index, dtype="str")
