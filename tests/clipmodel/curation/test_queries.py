"""The query list: what becomes a query, and its files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.curation import QueryList, build_queries
from clipmodel.errors import UserError

TEXTS = ["New York is new", "new york, NEW york", "", "york"]


def test_words_bigrams_and_titles_with_their_sources() -> None:
    made = build_queries(
        TEXTS, min_count=4, min_pmi=1.0, min_bigram_count=3, titles=["York!", "Big Apple", "?"]
    )
    rows = made.frame[["query", "source", "count"]].astype({"count": object}).values.tolist()
    # log2(81/32) = 1.34 bits for "new york"; "york" comes from two sources; "?" has no words.
    assert rows[:1] == [["big apple", "title", pd.NA]]
    assert rows[1:] == [["new", "word", 4], ["new york", "bigram", 3], ["york", "word+title", 4]]
    assert made.frame["pmi"].notna().tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("settings", "queries"),
    [
        ({"min_count": 5, "titles": ["x"]}, ["x"]),
        ({"min_count": 4, "min_pmi": 1.4}, ["new", "york"]),
        ({"min_count": 4, "min_pmi": 1.3, "min_bigram_count": 4}, ["new", "york"]),
        # Neither word of "is new" is rare now, and the pair is: only its own minimum keeps it out.
        ({"min_count": 1, "min_pmi": 1.5, "min_bigram_count": 1}, ["is", "is new", "new", "york", "york is"]),
    ],
)
def test_what_each_minimum_leaves(settings: dict, queries: list[str]) -> None:
    assert build_queries(TEXTS, **settings).texts == queries


def test_the_order_of_the_texts_does_not_matter() -> None:
    one, other = (build_queries(texts, min_count=1, min_pmi=0.5) for texts in (TEXTS, TEXTS[::-1]))
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert one.fingerprint == other.fingerprint


def test_an_iterator_is_refused_because_it_is_read_twice() -> None:
    with pytest.raises(ValueError, match="read twice"):
        build_queries(iter(TEXTS))


@pytest.mark.parametrize("settings", [{"min_count": 0}, {"min_bigram_count": 0}])
def test_a_minimum_below_one_is_refused(settings: dict) -> None:
    with pytest.raises(UserError, match="at least 1"):
        build_queries(TEXTS, **settings)


def test_no_queries_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="no queries"):
        build_queries(TEXTS)
    with pytest.raises(UserError, match="no queries"):
        QueryList.of(["?!", ""])


@pytest.mark.parametrize("name", ["queries.parquet", "queries.tsv"])
def test_written_and_read_again(tmp_path: Path, name: str) -> None:
    made = build_queries(["null nan nan"] * 2, min_count=1, min_pmi=0.1, titles=["Null", "Zürich"])
    path = tmp_path / "new" / name
    made.write(path)
    read = QueryList.read(path)
    pd.testing.assert_frame_equal(read.frame, made.frame)
    assert read.fingerprint == made.fingerprint
    assert [file.name for file in path.parent.iterdir()] == [name]


def test_other_peoples_lists_are_read(tmp_path: Path) -> None:
    text, table = tmp_path / "list.txt", tmp_path / "list.csv"
    text.write_text("Dogs\n\nNew_York\ndogs\n", encoding="utf-8")
    table.write_text("id,query,count\n1,Dogs,many\n2,New_York,3\n", encoding="utf-8")
    assert QueryList.read(text).texts == QueryList.read(table).texts == ["dogs", "new york"]
    assert QueryList.read(text).frame["source"].unique().tolist() == ["given"]
    assert QueryList.read(table).frame["count"].tolist() == [pd.NA, 3]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"word\ndog\n", "no column 'query'; its columns: word"),
        ("a.txt", b"\n?\n", "a.txt: no queries"),
        ("a.parquet", b"PAR1 cut off", "a.parquet: unreadable"),
        ("a.txt", b"\xff\xfe", "a.txt: unreadable"),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        QueryList.read(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.txt: no such file"):
        QueryList.read(tmp_path / "nothing.txt")
