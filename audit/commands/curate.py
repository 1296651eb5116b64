"""`clip-audit curate`: from many captions to a balanced selection, as CLIP's training data was made."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands.console import terminal
from clipmodel.plurals import number_of

if TYPE_CHECKING:
    from clipmodel.curation import CurationReport, QueryList

SHOWN = 6  # queries of each source
QUERIES_EPILOG = (
    "Examples:  clip-audit curate queries wikipedia.txt --titles titles.txt --out queries.parquet  ·  "
    "clip-audit curate queries captions/ --caption text --min-count 20 --out queries.tsv"
)
SELECT_EPILOG = (
    "Examples:  clip-audit curate select captions/ --queries queries.tsv --key url --out runs/curated  ·  "
    "clip-audit curate select a.csv b.csv.gz --queries words.txt --t 500 --rule exact --out runs/curated"
)


class FileFormat(StrEnum):
    """Kinds of files of captions."""

    parquet = "parquet"
    csv = "csv"
    tsv = "tsv"
    text = "text"


class Engine(StrEnum):
    """Who matches and selects."""

    local = "local"
    ray = "ray"


class BalancingRule(StrEnum):
    """How at most t captions a query are drawn."""

    probabilistic = "probabilistic"
    exact = "exact"


Inputs = Annotated[list[Path], typer.Argument(help="Files, or folders of them: parquet, CSV, TSV, text.")]
Caption = Annotated[str, typer.Option(help="The column of captions.")]
Format = Annotated[FileFormat | None, typer.Option(help="Of all files; otherwise by their endings.")]

app = typer.Typer(
    no_args_is_help=True, help="Select captions balanced over queries, as CLIP's training data was made."
)


@app.command(epilog=QUERIES_EPILOG)
def queries(
    texts: Inputs,
    *,
    out: Annotated[Path, typer.Option(help="The list: .parquet, or .tsv to read and edit.")],
    caption: Caption = "caption",
    format: Format = None,
    titles: Annotated[
        Path | None, typer.Option(help="A text, one title a line, or a table's column query.")
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, help="Occurrences that make a word a query.")] = 100,
    min_pmi: Annotated[float, typer.Option(help="Mutual information (bits) that makes a pair one.")] = 5.0,
) -> None:
    """Build a query list: frequent words, pairs of words of high mutual information, titles."""
    from clipmodel.curation import QueryList, Texts, build_queries, find_shards

    shards = find_shards(texts, caption=caption, format=format.value if format else None)
    given = QueryList.read(titles).texts if titles else []
    with terminal.ERR.status("counting words, then pairs of words"):
        made = build_queries(Texts(shards), min_count=min_count, min_pmi=min_pmi, titles=given)
    made.write(out)
    console = terminal.out()
    columns = ("source", "queries", "most frequent")
    terminal.print_table(console, "Queries", columns, _sources(made), words=columns[::2])
    console.print(f"{len(made):,} queries: {out}", soft_wrap=True, markup=False)
    console.print(
        f"Next:  clip-audit curate select CAPTIONS --queries {out} --out DIR", soft_wrap=True, markup=False
    )


@app.command(epilog=SELECT_EPILOG)
def select(
    captions: Inputs,
    *,
    queries: Annotated[Path, typer.Option(help="The list: parquet, .tsv, .csv, or a text with one a line.")],
    out: Annotated[Path, typer.Option(help="A new folder for the selection and its report.")],
    caption: Caption = "caption",
    key: Annotated[str | None, typer.Option(help="The column that tells rows apart, such as a URL.")] = None,
    format: Format = None,
    t: Annotated[int, typer.Option("--t", help="Captions a query.")] = 20_000,
    rule: Annotated[
        BalancingRule, typer.Option(help="t a query in expectation, or never more (and more memory).")
    ] = BalancingRule.probabilistic,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    engine: Annotated[
        Engine, typer.Option(help="This process; or Ray, on this machine or the cluster in RAY_ADDRESS.")
    ] = Engine.local,
    workers: Annotated[int, typer.Option(min=1, help="Processes of ray.")] = 2,
) -> None:
    """Keep captions so that each query is assigned at most t of those that contain it.

    Draws are hashes of the seed, the query and the caption (with its key): the selection is the same however
    the captions are cut into files. Without --key, equal captions share their draws.
    """
    from clipmodel.curation import QueryList, curate, find_shards

    shards = find_shards(captions, caption=caption, key=key, format=format.value if format else None)
    with terminal.progress_bars() as progress:
        report = curate(
            shards, QueryList.read(queries), out=out, t=t, rule=rule.value, seed=seed, progress=progress,
            ray_workers=workers if engine == Engine.ray else None,
        )  # fmt: skip
    _print(report)
    terminal.out().print(f"Selection: {out}", soft_wrap=True, markup=False)


def _print(report: CurationReport) -> None:
    from clipmodel.curation.curation_report import COUNTS

    console = terminal.out()
    totals = report.totals
    share = totals["kept"] / totals["rows"]
    console.print(f"{totals['kept']:,} of {number_of(totals['rows'], 'caption')} kept ({share:.1%})")
    notes = {"missing": "without text", "empty_shards": "empty shards"}
    for name, what in notes.items():
        if totals[name]:
            console.print(f"{totals[name]:,} {what}")
    distribution = report.distribution()
    rows = [
        (COUNTS[name], *(_number(value) for value in values))
        for name, values in zip(distribution.index, distribution.to_numpy().tolist(), strict=True)
    ]
    terminal.print_table(console, "Captions a query", ("", *distribution.columns), rows, words={""})
    frequent = report.most_frequent()
    counts = frequent[list(COUNTS)].to_numpy().tolist()
    rows = [
        (query, source, *(_number(n) for n in values))
        for query, source, values in zip(frequent["query"], frequent["source"], counts, strict=True)
    ]
    columns = ("query", "source", *COUNTS.values())
    terminal.print_table(console, "Most frequent queries", columns, rows, words=columns[:2])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def _sources(made: QueryList) -> Iterator[tuple[str, str, str]]:
    for source, group in made.frame.groupby("source", sort=True):
        shown = group.sort_values(["count", "query"], ascending=[False, True])["query"].head(SHOWN)
        yield str(source), f"{len(group):,}", ", ".join(shown)
