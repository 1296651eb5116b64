from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.published.fhibe_values import (
    age_bands,
    ancestries,
    countries,
    in_words,
    read_table,
    skin_tones,
    values_of,
)

FILE = Path("t.csv")


def column(*cells: str, name: str = "c") -> pd.Series:
    return pd.Series(list(cells), name=name, index=range(1, len(cells) + 1))


def labels(values: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else value for value in values]


def test_values_of_a_cell_are_in_the_order_of_their_numbers() -> None:
    found = values_of(FILE, "['2. Two', '0. None', 'own words', '1. One']", row=1, column="c")
    assert list(found.items()) == [("One", 1), ("Two", 2), ("own words", 10**6)]
    for cell in ("['1. a'", "(1,"):
        with pytest.raises(UserError, match=r"t\.csv, row 7: c is"):
            values_of(FILE, cell, row=7, column="c")


def test_several_values_are_joined_or_have_no_label() -> None:
    cells = column("['1. b', '0. a']", "1. b", "")
    words, order = in_words(FILE, cells, joined=" + ")
    assert labels(words) == ["a + b", "b", None] and order == ("a", "b")
    assert labels(in_words(FILE, cells, joined=None)[0]) == [None, "b", None]


def test_a_subregion_implies_its_region() -> None:
    # Regions begin at 0, 6, 11, 17 and 22: 15 is in Asia, 5 in Africa, 26 in Oceania.
    (regions, _), (smaller, order) = ancestries(FILE, column("['15. South']", "5. West", "26. Isles", ""))
    assert labels(regions) == ["Asia", "Africa", "Oceania", None]
    assert labels(smaller) == ["South", "West", "Isles", None] and order == ("West", "South", "Isles")
    with pytest.raises(UserError, match="row 1: ancestry 'Moon' has no number"):
        ancestries(FILE, column("27. Moon"))


def test_bands_are_closed_on_the_left() -> None:
    years, bands = age_bands(FILE, column("18", "29", "30", "59.0", "60", "99", "", "Prefer not to say"))
    assert labels(years) == ["18", "29", "30", "59", "60", "99", None, None]
    assert labels(bands) == ["18-29", "18-29", "30-39", "50-59", "60+", "60+", None, None]
    for wrong in ("17", "old"):
        with pytest.raises(UserError, match=f"row 2: age is '{wrong}'"):
            age_bands(FILE, column("20", wrong))


def test_the_darkest_colour_is_the_sixth_type() -> None:
    dark, light = "0. [102, 78, 65]", "['5. [198, 180, 157]']"
    types, said = skin_tones(FILE, column(dark, light, "", "['Prefer not to say']"))
    assert labels(types) == ["VI", "I", None, None]
    assert said.endswith("I is RGB [198, 180, 157], VI is RGB [102, 78, 65].")
    with pytest.raises(UserError, match="do not go from dark to light"):
        skin_tones(FILE, column("5. [102, 78, 65]", "0. [198, 180, 157]"))
    for wrong in ("6. [1, 2, 3]", "0. brown", "[1, 2, 3]"):
        with pytest.raises(UserError, match="row 1: c is"):
            skin_tones(FILE, column(wrong))


def test_countries_have_one_spelling() -> None:
    cells = column(" vietnam ", "Kenya", "trinidad AND tobago", "['ISLE OF MAN']", "usa", "")
    named, said = countries(cells)
    expected = ["Viet Nam", "Kenya", "Trinidad and Tobago", "Isle of Man", "United States", None]
    assert labels(named) == expected
    assert said.startswith("5 countries")  # all but Kenya; a cell without one counts too


def test_tables_that_are_damaged_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    for content, said in (
        (b"a,b\n", "no rows"),
        (b"a,c\n1,2\n", "no column 'b'"),
        (b"a,b\n\xff,2\n", "not UTF-8"),
        (b"", "."),
    ):
        file.write_bytes(content)
        with pytest.raises(UserError, match=said):
            read_table(file, ["b"])
    with pytest.raises(UserError, match="no table at"):
        read_table(tmp_path / "none.csv", [])
    file.write_bytes(b"\xef\xbb\xbfa,segments,b\n 1 ,[],\n 1 ,[],\n2,[],x\n")
    table = read_table(file, ["b"])
    # Repeated rows are one; a number is that of the row in the file; long lists are not read.
    assert table.to_dict("list") == {"a": ["1", "2"], "b": ["", "x"]} and list(table.index) == [1, 3]


def test_a_table_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    """At every byte but where a row has just ended, whatever stands in the last column."""
    rows = "filepath,age,ancestry,segments\na.png,31,\"['11. Asia', '2. x']\",\"[1, 2]\"\n"
    last = "b.png,44,['0. Africa'],\"[3, 4]\"\n"
    file = tmp_path / "t.csv"
    for length in range(1, len(last)):
        file.write_text(rows + last[:length])
        with pytest.raises(UserError, match=r"t\.csv: "):
            read_table(file, ["filepath", "age"])
        file.write_text(rows + last[:length] + "\n" + last)  # in the middle, as where two parts were joined
        if last[:length].count(",") < 3:  # behind the last separator a field is empty, or joins two lines
            with pytest.raises(UserError, match=r"t\.csv: "):
                read_table(file, ["filepath", "age"])
    file.write_text(rows + last)
    assert read_table(file, ["filepath", "age"])["age"].tolist() == ["31", "44"]
