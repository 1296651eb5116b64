from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.records import validate
from probes.runner import run_suite
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import COLUMNS, PEOPLE, suite_of
from tests.support.measured import measures_of


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(PEOPLE, columns=COLUMNS)))


@pytest.fixture
def ask(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> Callable[..., pd.DataFrame]:
    """Runs one probe and returns its rows."""

    def run(**probe: Any) -> pd.DataFrame:
        records = run_suite(suite_of(**probe), model, data, store=store)
        validate(records)
        return measures_of(records)

    return run
