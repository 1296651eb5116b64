"""Query-balanced selection of image-text pairs, as CLIP's training data (WIT) was made.

Build a query list from text, find which queries each caption contains, keep at most t captions a query:

    from pathlib import Path
    from clipmodel.curation import Texts, build_queries, curate, find_shards

    shards = find_shards([Path("captions")], caption="caption", key="url")
    queries = build_queries(Texts(shards), min_count=100)
    report = curate(shards, queries, out=Path("runs/curated"), t=20_000)
    report.queries  # contained before and after, assigned after
"""

from __future__ import annotations

from clipmodel.curation.caption_files import Shard, Texts, find_shards
from clipmodel.curation.curate import curate
from clipmodel.curation.curation_report import CurationReport
from clipmodel.curation.matcher import Matcher
from clipmodel.curation.queries import QueryList, build_queries

__all__ = [
    "CurationReport",
    "Matcher",
    "QueryList",
    "Shard",
    "Texts",
    "build_queries",
    "curate",
    "find_shards",
]
