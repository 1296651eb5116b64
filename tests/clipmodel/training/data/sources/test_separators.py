from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.sources.caption_tables import Columns, TableRows
from clipmodel.training.data.sources.source import Sample
from tests.clipmodel.training.support.caption_tables import all_of, rows_of
from tests.clipmodel.training.support.made_shards import jpeg

CAPTIONS = ['two dogs , one "spotted" ,\nat play', "a girl; on a swing", "a girl swings"]


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["table.csv", "table.tsv", "captions.txt"])
def test_separator_is_found_whatever_the_name(folder: Path, separator: str, name: str) -> None:
    frame = pd.DataFrame({"image": ["0.jpg", "1.jpg", "1.jpg"], "caption": CAPTIONS})
    frame.to_csv(folder / name, sep=separator, index=False)
    found = all_of(TableRows([str(folder / name)], Columns()))
    assert [item.captions for item in found if isinstance(item, Sample)] == [
        (CAPTIONS[0],),
        (CAPTIONS[1], CAPTIONS[2]),
    ]
    assert [item.image for item in found if isinstance(item, Sample)] == [jpeg(0), jpeg(1)]


def test_an_ambiguous_separator_is_asked_for(folder: Path) -> None:
    text = "a,b;c\n0.jpg,x;y\n"
    with pytest.raises(UserError, match="by comma: a, b;c; by semicolon: a,b, c") as caught:
        rows_of(folder, text)
    assert "data.separator" in str(caught.value)
    rows = rows_of(folder, "a;x,caption\n0.jpg;two\n", image="a", caption="x,caption", separator=";")
    assert [item.captions for item in all_of(rows) if isinstance(item, Sample)] == [("two",)]


def test_the_columns_decide_between_separators(folder: Path) -> None:
    rows = rows_of(folder, "filepath;title;a,b\n0.jpg;a cat;x,y\n1.jpg;a dog;x,y\n")
    assert [item.captions for item in all_of(rows) if isinstance(item, Sample)] == [("a cat",), ("a dog",)]
