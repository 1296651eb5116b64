"""Portraits of members of Congress."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from tests.probes.datasets.conftest import WriteImages

SAMPLE = Path(__file__).parents[5] / "shared" / "data" / "congress"
HEADER = "file,bioguide,name,gender,birthday,party,chamber,state"


def write(root: Path, *rows: str) -> str:
    (root / "congress.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return f"congress:{root}"


def test_the_table_is_read(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("images/X1.jpg")
    rows = [
        'images/X1.jpg,X1,"One, A.",female,1950-01-01,Democrat,sen,CA',
        "images/X2.jpg,X2,Two,male,,,rep,NY",
    ]
    data = load_dataset(write(tmp_path, *rows))
    assert data.attributes == ["gender", "party", "chamber", "state"]
    assert data.values("chamber").tolist() == ["Senate", "House"]
    assert data.values("party").isna().tolist() == [False, True]
    assert data.clusters.tolist() == ["X1", "X2"]
    assert data.open_image(0).size == (8, 6)


def test_an_unknown_chamber_is_refused(tmp_path: Path) -> None:
    spec = write(tmp_path, "images/X1.jpg,X1,One,female,1950-01-01,Democrat,lord,CA")
    with pytest.raises(UserError, match="line 2: chamber is 'lord'"):
        load_dataset(spec)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample of portraits is not here")
def test_the_sample_is_read() -> None:
    data = load_dataset(f"congress:{SAMPLE}")
    assert len(data) == 539
    assert data.values("gender").value_counts().to_dict() == {"male": 384, "female": 155}
