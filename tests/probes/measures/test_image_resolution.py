from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from probes.datasets.downscaled import DownscaledDataset
from probes.datasets.formats.table import TableDataset
from tests.probes.conftest import FakeModel


def test_coarse_images_are_embedded_apart(
    ask: Callable[..., pd.DataFrame], model: FakeModel, data: TableDataset
) -> None:
    rows = ask(
        kind="image_resolution", label_set="colours", truth="colour", sizes=[2, 100], groups=[["gender"]]
    )
    assert model.n_images == 3 * 12
    everyone = rows[rows["gender"] == "(all)"]
    assert everyone["item"].tolist() == ["original", "2 px", "100 px"]
    assert (everyone["value"] == 1).all()  # plain colours survive any size
    small = DownscaledDataset(data, 2)
    assert small.open_image(0).size == (2, 2) and DownscaledDataset(data, 100).open_image(0).size == (4, 4)
    assert len({source.content_hash(0) for source in (data, small, DownscaledDataset(data, 3))}) == 3
