"""`clip-audit curate`, from captions to a selection, and users' mistakes in two lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

from clipmodel.curation import QueryList

Invoke = Callable[..., Result]
ROWS = [("u1", "New York"), ("u2", "new york, new"), ("u3", "old York"), ("u4", "a dog")]


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions.csv"
    pd.DataFrame(ROWS, columns=["url", "text"]).to_csv(path, index=False)
    return path


def test_from_captions_to_queries_to_a_selection(tmp_path: Path, captions: Path, invoke: Invoke) -> None:
    titles, listed, out = tmp_path / "titles.txt", tmp_path / "queries.tsv", tmp_path / "out"
    titles.write_text("Dog\n", encoding="utf-8")
    made = invoke(
        "curate", "queries", captions, "--caption", "text", "--out", listed, "--titles", titles,
        "--min-count", 2, "--min-pmi", 1,
    )  # fmt: skip
    assert made.exit_code == 0
    # new and york three times each; "new york" twice of 5 neighbours: log2(2/5 * 9/3 * 9/3) = 1.8 bits.
    assert QueryList.read(listed).texts == ["dog", "new", "new york", "york"]
    assert "4 queries" in made.stdout
    done = invoke(
        "curate", "select", captions, "--caption", "text", "--key", "url", "--queries", listed, "--out", out,
        "--t", 1, "--rule", "exact",
    )  # fmt: skip
    assert done.exit_code == 0
    kept = pd.read_parquet(out / "kept.parquet")
    assert set(kept["key"]) <= {"u1", "u2", "u3", "u4"}
    assert "u4" in set(kept["key"])  # the only dog
    assert f"{len(kept)} of 4 captions kept" in done.stdout
    assert pd.read_parquet(out / "queries.parquet")["assigned_after"].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no column 'caption'; its columns: url, text"),
        (("--caption", "text", "--t", 0), "would keep none"),
        (("--caption", "text", "--key", "id"), "no column 'id'; its columns: url, text"),
    ],
)
def test_a_mistake_is_explained_without_a_traceback(
    tmp_path: Path, captions: Path, invoke: Invoke, words: tuple, message: str
) -> None:
    (tmp_path / "queries.txt").write_text("dog\n", encoding="utf-8")
    queries, out = tmp_path / "queries.txt", tmp_path / "out"
    done = invoke("curate", "select", captions, "--queries", queries, "--out", out, *words)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert message in lines[0]
    assert lines[1].startswith("Remedy:")
    assert not out.exists()
