"""DataComp's sets: shards with a row of metadata an image."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets.dataset_registry import DATASETS
from probes.datasets.published.datacomp_sets import SETS, load_wds
from tests.probes.datasets.conftest import RunThrough, noise


def write(root: Path, rows: Sequence[Sequence[int]], *, classes: str = "a\nb\n", labels: str = "0") -> Path:
    """Two shards; the row of a sample is its metadata, an empty one leaves it out."""
    (root / "test").mkdir(parents=True, exist_ok=True)
    (root / "classnames.txt").write_text(classes)
    (root / "test" / "nshards.txt").write_text("2\n")
    for shard in range(2):
        with tarfile.open(root / "test" / f"{shard}.tar", "w") as tar:
            for number in range(shard, len(rows), 2):
                members = {"jpg": noise(number), "cls": labels.encode()}
                if len(rows[number]):
                    buffer = io.BytesIO()
                    np.save(buffer, np.array(rows[number]))
                    members["npy"] = buffer.getvalue()
                for kind, content in members.items():
                    info = tarfile.TarInfo(f"s{number:04}.{kind}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    return root


def test_fairface_in_its_own_words(tmp_path: Path, run_through: RunThrough) -> None:
    """DataComp's order is age, gender, race, White or not; its first gender is male, race 1 is White."""
    root = write(tmp_path, [[0, 0, 1, 0], [8, 1, 6, 1], [3, 1, 0, 1], []], classes="race:black\n")
    data = load_wds(root, name="fairface_wds")
    frame = data.frame.set_index("image_id")
    assert frame.loc["0/s0000"].tolist() == ["0-2", "Male", "White", "White"]
    assert frame.loc["1/s0001"].tolist() == ["more than 70", "Female", "East Asian", "Non-White"]
    assert data.dropped["reason"].tolist() == ["the sample has no row of metadata"]
    said = run_through(f"fairface_wds:{root}", groups=[["race"], ["gender"]])
    assert "FairFace, as DataComp evaluates it: 3 images" in said


def test_iwildcam_by_sequence(tmp_path: Path) -> None:
    """Images of one burst of the camera are a cluster; y repeats the class."""
    root = write(tmp_path, [[7, 1, 2013, 1, 2, 3, 4, 5, 0], [7, 1, 2013, 1, 2, 3, 4, 6, 0]])
    data = load_wds(root, name="iwildcam_wds")
    assert data.clusters.tolist() == ["1", "1"]
    assert data.attributes == ["location", "year", "month", "day", "hour", "class"]
    assert data.values("class").tolist() == ["a", "a"]


@pytest.mark.parametrize("name", sorted(SETS))
def test_every_set_reads_rows_of_its_fields(tmp_path: Path, name: str) -> None:
    """Number 1 of every field exists in all of them; a negative one is no label."""
    fields = SETS[name].fields
    root = write(tmp_path, [[1] * len(fields), [0] * len(fields), [-1] * len(fields)])
    kind = DATASETS[name]
    data = kind.load(root)
    assert len(data) == 3
    assert kind.card is not None
    assert data.frame[fields[0]].isna().sum() == 1
    assert set(data.card.image_attributes) <= set(data.attributes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 1, 2]], r"s0000.npy has 3 values, expected age, gender, race"),
        ([[0, 2, 1, 0]], "gender is 2, of 2"),
    ],
)
def test_metadata_of_another_set_is_refused(tmp_path: Path, rows: list[list[int]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_wds(write(tmp_path, rows), name="fairface_wds")


def test_damaged_shards_and_labels_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"s0000.cls is '9', of 2 classes"):
        load_wds(write(tmp_path, [[0, 1]], labels="9"), name="geode_wds")
    shard = write(tmp_path, [[0, 1], [1, 1]]) / "test" / "0.tar"
    shard.write_bytes(shard.read_bytes()[:1200])
    with pytest.raises(UserError, match=r"truncated|damaged"):
        load_wds(tmp_path, name="geode_wds")
    shard.unlink()
    with pytest.raises(UserError, match="of 2 shards"):
        load_wds(tmp_path, name="geode_wds")
