"""PPB: one portrait a member, the header in several forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.published.ppb import load_ppb
from tests.probes.datasets.conftest import WriteImages

ROWS = ["1,a.jpg,Female,1,Darker,Rwanda", "2,b.jpg,Male,2,lighter,Iceland"]


def write(root: Path, header: str, rows: list[str] = ROWS, *, line_end: str = "\n") -> Path:
    content = line_end.join([header, *rows]) + line_end
    (root / "PPB-2017-metadata.csv").write_text(content, newline="")
    return root


@pytest.mark.parametrize(
    ("header", "line_end"),
    [
        ("id,filename,gender,numeric,bi.fitz,country", "\n"),
        ("ID,Filename,Gender,Numeric,bi_fitz,Country", "\r\n"),
        ("id,file,gender,numeric,skin_color,country", "\r"),
    ],
)
def test_ppb_is_read_in_the_forms_it_is_found_in(
    tmp_path: Path, write_images: WriteImages, header: str, line_end: str
) -> None:
    write_images("imgs/a.jpg", "imgs/b.jpg")
    data = load_ppb(write(tmp_path, header, line_end=line_end))
    assert data.attributes == ["gender", "skin", "country"]
    assert data.values("gender").tolist() == ["female", "male"]
    assert data.values("skin").tolist() == ["darker", "lighter"]
    assert data.values("country").tolist() == ["Rwanda", "Iceland"]
    assert data.open_image(1).size == (8, 6)


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("id,filename,gender,numeric,tone,country", ROWS[0], "no column of skin among"),
        ("id,filename,gender,numeric,bi.fitz,country", "1,a.jpg,F,1,Darker,x", "line 2: gender is 'f'"),
        ("id,filename,gender,numeric,bi.fitz,country", "1,,Male,1,Darker,x", "line 2: no image is named"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, header: str, row: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_ppb(write(tmp_path, header, [row]))
