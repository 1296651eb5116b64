from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from audit.commands.composed import evaluation_studies
from audit.commands.composed.evaluation_runs import Options
from audit.commands.composed.evaluation_studies import group_columns, overlap, zero_shot_right
from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet, FunctionImages
from tests.audit.commands.composed.test_evaluation_runs import made, run


def image(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((64, 64)).save(buffer, format="PNG")
    return buffer.getvalue()


def opens(monkeypatch: pytest.MonkeyPatch, sets: dict[str, EvaluationSet]) -> None:
    monkeypatch.setattr(evaluation_studies, "open_evaluation_set", lambda name, *args, **options: sets[name])


def test_which_images_are_classified_right() -> None:
    opened, asked = made(), run()
    # Cat, cat and dog are shown where cat, dog and dog are right; the image at row 2 is broken.
    assert zero_shot_right(asked, opened, asked.embed(opened)).tolist() == [True, False, True]
    with pytest.raises(UserError, match="no single label per image"):
        zero_shot_right(asked, made(truth=None), asked.embed(opened))


def test_columns_of_two_to_twenty_values_divide_images() -> None:
    rows = np.arange(21)
    metadata = pd.DataFrame({"one": "a", "two": rows % 2, "twenty": rows % 20, "all": rows})
    opened = made(metadata=metadata)
    found = group_columns(opened, rows)
    assert found is not None and list(found) == ["two", "twenty"]
    assert group_columns(opened, rows[:1]) is None and group_columns(made(), rows) is None


def test_duplicates_are_found_by_vector_and_by_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def drawn(*seeds: int) -> Any:
        return FunctionImages([f"{k}: {seed}" for k, seed in enumerate(seeds)], lambda row: image(seeds[row]))

    # All four images have a twin in direction; only those of seeds 1 and 4 are the same image.
    own = made(images=drawn(1, 2, 3, 4), metadata=pd.DataFrame({"tone": ["light", "dark", "light", "dark"]}))
    train = made(images=drawn(1, 4, 9, 4), truth=np.array([0, 0, 0, 0]))
    opens(monkeypatch, {"own": own, "train": train})
    asked = run(shown=(0, 0, 1, 1))
    table, listed = overlap(asked, "train", "own", Options(), cache=tmp_path, similarity=0.9, most_bits=2)
    assert listed["id"].tolist() == ["0: 1", "1: 2", "3: 4"]
    assert listed.set_index("id")["duplicate"].to_dict() == {"0: 1": True, "1: 2": False, "3: 4": True}
    assert listed["right"].tolist() == [True, False, True]
    assert set(table["by"]) >= {"tone"}
