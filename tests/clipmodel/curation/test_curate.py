"""The whole way from shards to a selection: cuts, caps, seeds, and what goes wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.curation import CurationReport, QueryList, Shard, curate, find_shards
from clipmodel.curation.balancing import RULES, Rule
from clipmodel.curation.hashed_draws import draws, identities, query_salts
from clipmodel.errors import UserError

AsShards = Callable[[pd.DataFrame, int], list[Shard]]
T = 30


@pytest.fixture(autouse=True)
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of a small selection; test_report.py draws."""
    monkeypatch.setattr(CurationReport, "plot", lambda report, path: path.touch())


def kept(out: Path) -> list[tuple[str, str, list[str], list[str]]]:
    frame = pd.read_parquet(out / "kept.parquet")
    columns = (frame[name] for name in ("key", "caption", "matched", "assigned"))
    return [(key, text, list(m), list(a)) for key, text, m, a in zip(*columns, strict=True)]


def contained(captions: pd.DataFrame, queries: QueryList) -> dict[str, list[int]]:
    """The rows that contain each query, by padded substrings."""
    padded = [f" {text} " for text in captions["caption"]]
    return {query: [i for i, text in enumerate(padded) if f" {query} " in text] for query in queries.texts}


@pytest.mark.parametrize("rule", RULES)
def test_one_shard_and_ten_give_the_same(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame, queries: QueryList, rule: Rule
) -> None:
    reports = {
        n: curate(as_shards(captions, n), queries, out=tmp_path / f"out {n}", t=T, rule=rule) for n in (1, 10)
    }
    assert kept(tmp_path / "out 1") == kept(tmp_path / "out 10")
    assert 0 < len(kept(tmp_path / "out 1")) < len(captions)
    pd.testing.assert_frame_equal(reports[1].queries, reports[10].queries)
    totals = [dict(report.totals) | {"shards": 0} for report in reports.values()]
    assert totals[0] == totals[1]


def test_the_exact_rule_against_sorting_every_querys_draws(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame, queries: QueryList
) -> None:
    report = curate(as_shards(captions, 3), queries, out=tmp_path / "out", t=T, rule="exact", seed=5)
    identity = identities(captions["caption"].tolist(), captions["url"].tolist())
    assigned: dict[str, set[str]] = {url: set() for url in captions["url"]}
    for query, rows in contained(captions, queries).items():
        drawn = draws(identity[rows], query_salts([query], 5))
        for row in np.array(rows)[np.argsort(drawn)][:T]:
            assigned[captions["url"][row]].add(query)
    found = {key: set(names) for key, _, _, names in kept(tmp_path / "out")}
    assert found == {url: names for url, names in assigned.items() if names}
    # The cap holds for assigned pairs only: the most frequent word is in captions kept for others.
    counts = report.queries.set_index("query")
    assert counts["assigned_after"].max() == T
    assert counts.loc["w0", "assigned_after"] == T < counts.loc["w0", "contained_after"]


@pytest.mark.parametrize("rule", RULES)
def test_the_report_counts_what_the_files_hold(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame, queries: QueryList, rule: Rule
) -> None:
    report = curate(as_shards(captions, 2), queries, out=tmp_path / "out", t=T, rule=rule)
    rows = kept(tmp_path / "out")
    counts = report.queries.set_index("query")
    before = {query: len(found) for query, found in contained(captions, queries).items()}
    assert counts["contained_before"].to_dict() == before
    assert counts["contained_before"]["w999"] == 0
    for column, part in (("contained_after", 2), ("assigned_after", 3)):
        after = Counter(query for row in rows for query in row[part])
        assert counts[column].to_dict() == {query: after[query] for query in before}
    assert report.totals["kept"] == len(rows)
    assert report.totals["pairs_matched"] == sum(before.values())
    assert sum(shard["kept"] for shard in report.summary["shards"]) == len(rows)
    assert all(set(assigned) <= set(matched) for _, _, matched, assigned in rows)
    # A query with at most t captions keeps all of them.
    rare = counts[counts["contained_before"] <= T]
    assert (rare["assigned_after"] == rare["contained_before"]).all()


def test_the_seed_decides(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame, queries: QueryList
) -> None:
    shards = as_shards(captions, 1)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        curate(shards, queries, out=tmp_path / name, t=T, seed=seed)
    files = ["curation.json", "kept.parquet", "queries.parquet", "counts.png"]
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    assert kept(tmp_path / "a") != kept(tmp_path / "c")


def test_equal_captions_without_keys_never_exceed_an_exact_cap(tmp_path: Path, as_shards: AsShards) -> None:
    frame = pd.DataFrame({"caption": ["a dog"] * 50 + ["a cat"] * 3})
    queries = QueryList.of(["a", "dog", "cat"])
    for n in (1, 10):
        report = curate(as_shards(frame, n), queries, out=tmp_path / f"out {n}", t=5, rule="exact")
        assert report.queries["assigned_after"].tolist() == [5, 3, 5]  # a, cat, dog
    texts = [[row[1:] for row in kept(tmp_path / f"out {n}")] for n in (1, 10)]
    assert texts[0] == texts[1]


def test_empty_shards_and_missing_captions_are_counted(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.csv").touch()
    (tmp_path / "in" / "1.csv").write_text('caption\n"a dog"\n" "\n"cat"\n', encoding="utf-8")
    report = curate(find_shards([tmp_path / "in"]), QueryList.of(["dog"]), out=tmp_path / "out")
    shards = json.loads((tmp_path / "out" / "curation.json").read_text(encoding="utf-8"))["shards"]
    assert shards == [
        {"name": "0.csv", "rows": 0, "missing": 0, "matched": 0, "kept": 0},
        {"name": "1.csv", "rows": 3, "missing": 1, "matched": 1, "kept": 1},
    ]
    assert (report.totals["empty_shards"], report.totals["missing"]) == (1, 1)
    assert kept(tmp_path / "out") == [("1.csv:0", "a dog", ["dog"], ["dog"])]
    assert CurationReport.read(tmp_path / "out").totals == report.totals


@pytest.mark.parametrize("rule", RULES)
def test_progress_ends_with_all_that_was_done(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame, queries: QueryList, rule: Rule
) -> None:
    calls: dict[str, tuple[int, int]] = {}

    def show(what: str, done: int, total: int) -> None:
        assert done <= total
        calls[what] = done, total

    curate(as_shards(captions, 4), queries, out=tmp_path / "out", rule=rule, progress=show)
    both = {"match captions": (3000, 3000), "select captions": (3000, 3000)}
    assert calls == both | ({"rank draws, shards": (4, 4)} if rule == "exact" else {})


def test_settings_that_cannot_work(tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame) -> None:
    shards, queries, out = as_shards(captions, 1), QueryList.of(["w1"]), tmp_path / "out"
    with pytest.raises(UserError, match="at most 0 captions a query would keep none"):
        curate(shards, queries, out=out, t=0)
    with pytest.raises(UserError, match="no rule 'fair'"):
        curate(shards, queries, out=out, rule="fair")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no shards"):
        curate([], queries, out=out)
    assert not out.exists()


def test_an_earlier_selection_is_never_overwritten(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame
) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="out: exists already"):
        curate(as_shards(captions, 1), QueryList.of(["w1"]), out=tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("caption\n", "no captions in 0 rows"),
        ("caption\n \n", "no captions in 1 rows"),
        ("caption\ncat\n", "none of 1"),
    ],
)
def test_nothing_to_select_leaves_no_trace(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        curate(find_shards([tmp_path / "a.csv"]), QueryList.of(["dog"]), out=tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_a_shard_that_breaks_off_leaves_no_trace(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame
) -> None:
    shards = as_shards(captions, 2)
    content = shards[1].path.read_bytes()
    # The end of the file, which says what is in it, stays whole: the damage shows when the rows are read.
    shards[1].path.write_bytes(
        content[:100] + b"\xff" * (len(content) // 2) + content[100 + len(content) // 2 :]
    )
    with pytest.raises(UserError, match=r"001\.parquet: unreadable"):
        curate(shards, QueryList.of(["w1"]), out=tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["2 shards"]


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="out: cannot be written"):
        curate(as_shards(captions, 1), QueryList.of(["w1"]), out=tmp_path / "file" / "out")
