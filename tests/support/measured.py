"""The table `measures` of some records, as `AuditResult` makes it."""

from __future__ import annotations

import pandas as pd

from audit.tables.measures import measures_table
from probes.records import Records


def measures_of(records: Records) -> pd.DataFrame:
    return measures_table(records.estimands, records.scalars, records.manifest, records.attributes)
