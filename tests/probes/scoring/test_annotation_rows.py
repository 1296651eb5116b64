from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from probes.datasets import load_dataset
from probes.scoring.annotation_rows import annotation_rows
from probes.scoring.outcome_bits import digests
from tests.audit.commands.test_mitigate import folder as folder_of_embeddings

folder = folder_of_embeddings


def test_each_answer_is_a_row_and_a_missing_one_is_none(folder: Path) -> None:
    dataset = load_dataset(f"embeddings:{folder / 'e.npz'}")
    assert annotation_rows(dataset, ["gender"], np.arange(3)) is None
    said = pd.DataFrame({0: ["Male"] * 200, 1: [None, "Female"] * 100})
    dataset.annotations = {"gender": said}
    table = annotation_rows(dataset, ["gender", "job"], np.array([0, 3]))
    assert table is not None
    images = digests(dataset.frame["image_id"].iloc[[0, 3]])
    assert table.to_numpy().tolist() == [
        [images[0], "gender", 0, "Male"], [images[1], "gender", 0, "Male"],
        [images[1], "gender", 1, "Female"],
    ]  # fmt: skip
