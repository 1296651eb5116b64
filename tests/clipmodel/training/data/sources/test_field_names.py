from __future__ import annotations

import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.sources.field_names import IMAGE_COLUMNS, captions_in, choose_column


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("a", ("a",)),
        (["a", " ", "b", 3], ("a", "b")),
        (("a",), ("a",)),
        ("  ", ()),
        (None, ()),
        (4, ()),
        ({"a": 1}, ()),
    ],
)
def test_captions_of_every_shape(value: object, texts: tuple[str, ...]) -> None:
    assert captions_in(value) == texts


def test_a_column_is_named_or_the_only_usual_one() -> None:
    columns = ["id", "Image", "caption"]
    assert choose_column(None, columns, usual=IMAGE_COLUMNS, what="image", source="t.csv") == "Image"
    assert choose_column("id", columns, usual=IMAGE_COLUMNS, what="image", source="t.csv") == "id"


@pytest.mark.parametrize(
    ("wanted", "columns", "message"),
    [
        ("img", ["image"], r"no column 'img' \(data.image\); its columns: image"),
        (None, ["id"], "no column 'image'; its columns: id"),
        (None, ["image", "path"], "several columns may be the image: image, path"),
    ],
)
def test_a_column_that_cannot_be_chosen(wanted: str | None, columns: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose_column(wanted, columns, usual=IMAGE_COLUMNS, what="image", source="t.csv")
