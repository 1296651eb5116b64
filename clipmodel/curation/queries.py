"""The query list: what the selected captions are balanced over.

The paper's list has 500,000 queries: all words that occur at least 100 times in English Wikipedia, bigrams of
high pointwise mutual information, titles of articles above a search volume, and WordNet's synsets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from clipmodel.curation.ngrams import WordCounts, count_bigrams, count_words, mutual_information
from clipmodel.curation.query_text import plain_words
from clipmodel.errors import UserError

WORD, BIGRAM, TITLE, GIVEN = "word", "bigram", "title", "given"
COLUMNS = ("query", "source", "count", "pmi")


@dataclass(frozen=True)
class QueryList:
    """Queries in the form of `plain_words`, without repetition, sorted.

    Attributes
    ----------
    frame
        One row per query: query; source ("word", "bigram", "title", "given", or several joined by "+");
        count, how often it occurs in the text it was built from, missing for other sources; pmi in bits,
        NaN unless it is a bigram of high mutual information.
    """

    frame: pd.DataFrame

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def texts(self) -> list[str]:
        return self.frame["query"].tolist()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the queries; their sources and counts do not change a selection."""
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()

    @classmethod
    def of(cls, texts: Iterable[str], *, source: str = GIVEN) -> QueryList:
        """A list of given queries, cleaned; what has no words is left out.

        Raises
        ------
        UserError
            Nothing is left.
        """
        return cls(_tidy([_table({"query": list(texts), "source": source})]))

    def write(self, path: Path) -> None:
        """Write parquet, or tab-separated text where the name does not end in .parquet."""
        draft = path.with_name(f".{path.name}.draft")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".parquet":
                self.frame.to_parquet(draft, index=False)
            else:
                self.frame.to_csv(draft, sep="\t", index=False)
            draft.replace(path)
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written ({error.strerror})", remedy="choose another file"
            ) from error

    @classmethod
    def read(cls, path: Path) -> QueryList:
        """Read what `write` wrote, any table with a column query, or a text with one query a line.

        Raises
        ------
        UserError
            The file is missing, unreadable, has no column query, or holds no query.
        """
        frame = _read_table(path)
        if "query" not in frame:
            raise UserError(
                f"{path}: no column 'query'; its columns: {', '.join(map(str, frame.columns))}",
                remedy="name the column query, or give a .txt file with one query a line",
            )
        try:
            return cls(_tidy([_table({name: frame[name] for name in COLUMNS if name in frame})]))
        except UserError as error:
            raise UserError(f"{path}: {error.message}", remedy=error.remedy) from error


def build_queries(
    texts: Iterable[str],
    *,
    min_count: int = 100,
    min_pmi: float = 5.0,
    min_bigram_count: int | None = None,
    titles: Iterable[str] = (),
) -> QueryList:
    """Frequent words, bigrams of high mutual information, and titles: the paper's query list.

    Parameters
    ----------
    texts
        Read twice, so no generator; bigrams do not span two texts.
    min_count
        Occurrences that make a word a query.
    min_pmi
        Pointwise mutual information, in bits, that makes a pair of such words a query.
    min_bigram_count
        Occurrences the pair needs as well, `min_count` by default: the mutual information of rare pairs is
        high by chance.
    titles
        Taken whatever their frequency.

    Returns
    -------
    QueryList
        The same for the same texts in any order.

    Raises
    ------
    UserError
        A minimum is below 1, or no query came out.
    """
    if iter(texts) is texts:
        raise ValueError("the texts are read twice: give a sequence, not an iterator")
    at_least = min_count if min_bigram_count is None else min_bigram_count
    if min(min_count, at_least) < 1:
        raise UserError("the count that makes a query must be at least 1", remedy="raise the minimum count")
    words = count_words(texts)
    # Sorted, so that the list does not depend on the order of the texts.
    vocabulary = sorted(word for word, count in words.counts.items() if count >= min_count)
    counts = [words.counts[word] for word in vocabulary]
    return QueryList(
        _tidy(
            [
                _table({"query": vocabulary, "source": WORD, "count": counts}),
                _bigrams(texts, words, vocabulary, at_least=at_least, min_pmi=min_pmi),
                _table({"query": list(titles), "source": TITLE}),
            ]
        )
    )


def _bigrams(
    texts: Iterable[str], words: WordCounts, vocabulary: list[str], *, at_least: int, min_pmi: float
) -> pd.DataFrame:
    bigrams = count_bigrams(texts, {word: position for position, word in enumerate(vocabulary)})
    pmi = mutual_information(words, vocabulary, bigrams)
    chosen = np.flatnonzero((bigrams.counts >= at_least) & (pmi >= min_pmi))
    pairs = zip(bigrams.left[chosen], bigrams.right[chosen], strict=True)
    return _table(
        {
            "query": [f"{vocabulary[left]} {vocabulary[right]}" for left, right in pairs],
            "source": BIGRAM,
            "count": bigrams.counts[chosen],
            "pmi": pmi[chosen],
        }
    )


def _table(columns: dict[str, object]) -> pd.DataFrame:
    frame = pd.DataFrame(columns).reindex(columns=list(COLUMNS))
    frame["query"] = [plain_words(text) if isinstance(text, str) else "" for text in frame["query"]]
    named = frame["source"].astype("str")
    frame["source"] = named.where(named.notna() & (named != ""), GIVEN)
    # pandas' nullable integer: a query of another source has no count.
    frame["count"] = pd.to_numeric(frame["count"], errors="coerce").round().astype("Int64")
    frame["pmi"] = pd.to_numeric(frame["pmi"], errors="coerce").astype("float64")
    return frame


def _tidy(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """One row per query; where several sources have it, their names joined and the first count and pmi."""
    frame = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    frame = frame[frame["query"] != ""].drop_duplicates(["query", "source"])
    if frame.empty:
        raise UserError("no queries", remedy="lower the minimum count, or give more text or titles")
    merged = frame.groupby("query", sort=True)[["count", "pmi"]].first()
    sources = frame.drop_duplicates("query").set_index("query")["source"]
    repeated = frame[frame["query"].duplicated(keep=False)]
    sources.update(repeated.groupby("query")["source"].agg("+".join))
    merged.insert(0, "source", sources)
    return merged.reset_index().astype({"query": "str"})


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(
            f"{path}: no such file", remedy="give a file of queries: see clip-audit curate queries"
        )
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix in (".tsv", ".csv"):
            separator = "\t" if path.suffix == ".tsv" else ","
            # "nan" and "null" are words; only counts may be missing.
            return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
        return pd.DataFrame({"query": path.read_text(encoding="utf-8").splitlines()})
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path}: unreadable ({error})", remedy="give parquet, .tsv, .csv or .txt") from error
