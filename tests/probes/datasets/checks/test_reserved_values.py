"""Values that tables use for something else are refused with file, line and image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.checks.reserved_values import RESERVED_VALUES, refuse_reserved

ROWS = pd.DataFrame({"path": ["a", "b", "c"], "race": ["A", "B", "(all)"], "prediction": ["m", "f", "m"]})


def refusal(spec: str) -> str:
    with pytest.raises(UserError) as told:
        load_dataset(spec)
    return told.value.message


@pytest.mark.parametrize("value", RESERVED_VALUES)
def test_a_reserved_value_is_refused_with_its_image(value: str) -> None:
    column = pd.Series(["A", value], name="race")
    with pytest.raises(UserError, match=r"the data 'x': race is .*, first in image i1;"):
        refuse_reserved(column, source="the data 'x'", images=pd.Series(["i0", "i1"]))


def test_other_values_pass() -> None:
    refuse_reserved(pd.Series(["all", "missing", np.nan]), source="x")


@pytest.mark.parametrize("kind", ["table", "predictions"])
def test_a_text_file_is_named_with_its_line(tmp_path: Path, kind: str) -> None:
    ROWS.to_csv(file := tmp_path / "p.csv", index=False)
    # Line 1 is the header, so the third image stands in line 4.
    assert refusal(f"{kind}:{file}").startswith(f"{file}, line 4: race is '(all)';")


@pytest.mark.parametrize("kind", ["table", "predictions"])
def test_a_parquet_file_is_named_with_its_row(tmp_path: Path, kind: str) -> None:
    ROWS.to_parquet(file := tmp_path / "p.parquet")
    assert refusal(f"{kind}:{file}").startswith(f"{file}, row 3: race is '(all)';")


def test_embeddings_are_named_with_their_image(tmp_path: Path) -> None:
    np.savez(
        file := tmp_path / "e.npz", image=np.eye(3), text=np.eye(3)[:2], text_name=["m", "f"],
        race=ROWS["race"].to_numpy(str), path=ROWS["path"].to_numpy(str),
    )  # fmt: skip
    assert "race is '(all)'" in refusal(f"embeddings:{file}")


def test_a_card_can_rename_a_reserved_value_and_must_not_make_one(tmp_path: Path) -> None:
    ROWS.to_csv(file := tmp_path / "p.csv", index=False)
    card = tmp_path / "p.card.yaml"
    card.write_text("values: {race: {(all): every}}")
    assert load_dataset(f"predictions:{file}").levels("race") == ["A", "B", "every"]
    card.write_text("values: {race: {A: (best), (all): every}}")
    assert refusal(f"predictions:{file}").startswith(f"{file}, line 2: race is '(best)';")
