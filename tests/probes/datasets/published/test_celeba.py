"""CelebA as published and as on Kaggle."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.celeba import load_celeba
from tests.probes.datasets.conftest import WriteImages

NAMES = ["Male", "Smiling", *(f"A{i}" for i in range(38))]
IMAGES = ["000001.jpg", "000002.jpg"]
VALUES = [["1", "-1", *["1"] * 38], ["-1", "-1", *["-1"] * 38]]


def write_text(root: Path, *, count: str = "2", values: list[list[str]] = VALUES) -> Path:
    lines = [f"{image}  {' '.join(row)}" for image, row in zip(IMAGES, values, strict=True)]
    (root / "list_attr_celeba.txt").write_text("\n".join([count, " ".join(NAMES), *lines]) + "\n")
    return root


@pytest.fixture
def root(tmp_path: Path, write_images: WriteImages) -> Path:
    write_images(*(f"img_align_celeba/{name}" for name in IMAGES))
    return tmp_path


def test_the_published_files_are_read(root: Path) -> None:
    write_text(root)
    (root / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 2880\n")
    (root / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 2\n")
    data = load_celeba(root)
    assert data.values("gender").tolist() == ["Male", "Female"]
    assert data.values("Smiling").tolist() == ["no", "no"]
    assert data.values("split").tolist() == ["train", "test"]
    assert data.clusters.tolist() == ["2880", "2880"]
    assert len(data.attributes) == 42
    assert data.open_image(1).size == (8, 6)


def test_the_files_of_kaggle_are_read(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(*(f"img_align_celeba/img_align_celeba/{name}" for name in IMAGES))
    rows = [",".join([image, *row]) for image, row in zip(IMAGES, VALUES, strict=True)]
    table = "\n".join([",".join(["image_id", *NAMES]), *rows])
    (tmp_path / "list_attr_celeba.csv").write_text(table)
    (tmp_path / "list_eval_partition.csv").write_text("image_id,partition\n000001.jpg,1\n000002.jpg,2\n")
    data = load_celeba(tmp_path)
    assert data.values("gender").tolist() == ["Male", "Female"]
    assert data.values("split").tolist() == ["val", "test"]
    assert data.open_image(0).size == (8, 6)


def test_without_identities_images_count_as_independent_and_the_card_says_so(root: Path) -> None:
    data = load_celeba(write_text(root))
    assert data.clusters.tolist() == IMAGES
    assert data.card.cluster is None
    assert "identity_CelebA.txt" in data.card.notes[0]


@pytest.mark.parametrize(
    ("count", "values", "message"),
    [
        ("3", VALUES, "line 1 says '3' images, there are 2"),
        ("2", [VALUES[0], VALUES[1][:-1]], "line 4: 39 values for 40 attributes"),
        ("2", [VALUES[0], [*VALUES[1], "1"]], "line 4: 41 values for 40 attributes"),
        ("2", [VALUES[0], ["0", *VALUES[1][1:]]], r"a value of 000002.jpg is neither 1 nor -1"),
    ],
)
def test_a_damaged_list_is_refused(root: Path, count: str, values: list[list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_celeba(write_text(root, count=count, values=values))


def test_a_damaged_identity_file_is_refused(root: Path) -> None:
    write_text(root)
    (root / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg\n")
    with pytest.raises(UserError, match=r"'000002.jpg' is no image and value"):
        load_celeba(root)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no list_attr_celeba.txt or list_attr_celeba.csv"):
        load_celeba(tmp_path)
    with pytest.raises(UserError, match="no img_align_celeba"):
        load_celeba(write_text(tmp_path))
