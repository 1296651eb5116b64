"""FairFace's layout, and the dates a spreadsheet makes of its age bands."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets import DemographicDataset, load_dataset
from probes.datasets.published.fairface import load_fairface
from tests.probes.datasets.conftest import WriteImages

SAMPLE = Path(__file__).parents[5] / "shared" / "data" / "fairface"
HEADER = "file,age,gender,race,service_test"
ROWS = [
    "val/1.jpg,3-9,Male,East Asian,False",
    "val/2.jpg,more than 70,Female,White,True",
    "val/3.jpg,,Female,Latino_Hispanic,True",
]


def write(root: Path, rows: list[str], *, split: str = "val", header: str = HEADER) -> Path:
    (root / f"fairface_label_{split}.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return root


def quietly(root: Path) -> DemographicDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_fairface(root)


def test_the_published_layout_is_read(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("val/1.jpg", "val/2.jpg", "val/3.jpg")
    data = quietly(write(tmp_path, ROWS))
    assert data.frame["image_id"].tolist() == ["val/1.jpg", "val/2.jpg", "val/3.jpg"]
    assert data.values("race_white").tolist() == ["Non-White", "White", "Non-White"]
    assert data.values("age").isna().tolist() == [False, False, True]
    assert data.levels("race") == ["White", "Latino_Hispanic", "East Asian"]
    assert data.open_image(1).size == (8, 6)
    assert (data.card.label_provenance, data.card.licence) == ("perceived", "CC BY 4.0")
    assert data.card.notes == ()


def test_both_splits_are_read(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    write(tmp_path, ["train/1.jpg,0-2,Male,Black,False"], split="train")
    assert load_dataset(f"fairface:{tmp_path}").values("split").tolist() == ["train", "val", "val", "val"]


@pytest.mark.parametrize(
    ("date", "band"),
    [
        ("9-Mar", "3-9"), ("09-Mar", "3-9"), ("3-Sep", "3-9"), ("03-Sep", "3-9"), ("Mar-09", "3-9"),
        ("19-Oct", "10-19"), ("Oct-19", "10-19"),
    ],
)  # fmt: skip
def test_spreadsheet_dates_are_repaired_with_a_warning(tmp_path: Path, date: str, band: str) -> None:
    rows = [ROWS[1], f"val/8.jpg,{date},Male,Black,False", f"val/9.jpg,{date},Male,Black,False"]
    with pytest.warns(UserWarning, match="2 age bands that a spreadsheet"):
        data = load_fairface(write(tmp_path, rows))
    assert data.values("age").tolist() == ["more than 70", band, band]
    assert data.card.notes[0].startswith("2 age bands")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("val/1.jpg,7-Apr,Male,Black,False", "line 2: age is '4-7'"),
        ("val/1.jpg,5-Foo,Male,Black,False", "line 2: age is '5-Foo'"),
        ("val/1.jpg,3-9,male,Black,False", "line 2: gender is 'male'"),
        ("val/1.jpg,3-9,Male,Asian,False", "line 2: race is 'Asian'"),
        (",3-9,Male,Black,False", "line 2: file is empty"),
        ("../1.jpg,3-9,Male,Black,False", "outside the folder"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        quietly(write(tmp_path, [row]))


def test_a_missing_file_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no fairface_label_train.csv or fairface_label_val.csv"):
        load_fairface(tmp_path)
    with pytest.raises(UserError, match="no column 'race'"):
        load_fairface(write(tmp_path, ["val/1.jpg,3-9,Male,False"], header="file,age,gender,service_test"))


def test_the_folder_of_one_padding_is_found(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("fairface-img-margin025-trainval/val/1.jpg")
    data = quietly(write(tmp_path, ROWS))
    assert data.open_image(0).size == (8, 6)
    assert data.card.notes == ("The images are those of fairface-img-margin025-trainval.",)
    write_images("fairface-img-margin125-trainval/val/1.jpg")
    with pytest.raises(UserError, match="images of both paddings"):
        quietly(tmp_path)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample of FairFace is not here")
def test_the_copy_found_in_the_wild_is_repaired() -> None:
    """Counted in the file by hand: 628 times 03-Sep and 544 times Oct-19."""
    with pytest.warns(UserWarning, match="1,172 age bands"):
        data = load_fairface(SAMPLE)
    counts = data.values("age").value_counts()
    assert (len(data), counts["3-9"], counts["10-19"]) == (5000, 628, 544)
    assert data.open_image(0).size == (224, 224)
