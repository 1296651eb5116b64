"""`clip-audit cache`: what the store of embeddings holds, and how to empty it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from audit.commands.console import terminal
from clipmodel.plurals import number_of

UNITS = ("bytes", "kB", "MB", "GB", "TB")
Folder = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder of the embeddings.", show_default="the user's cache folder"),
]

app = typer.Typer(no_args_is_help=True, help="What the store of embeddings holds, and how to empty it.")


@app.command(epilog="Example:  clip-audit cache show")
def show(cache: Folder = None) -> None:
    """List the models whose embeddings are stored, with their number, size and last use."""
    from probes.embeddings.store import EmbeddingStore

    store, console = EmbeddingStore(cache), terminal.out()
    console.print(f"{store.root}", soft_wrap=True, markup=False)
    summaries = list(store.summaries())
    columns = ("what", "model", "embeddings", "shards", "size", "last written")
    rows = [
        (
            *_named(each.space),
            f"{each.n_embeddings:,}",
            f"{each.n_shards:,}",
            size_text(each.n_bytes),
            f"{datetime.fromtimestamp(each.used, UTC):%Y-%m-%d %H:%M} UTC" if each.used else "",
        )
        for each in summaries
    ]
    terminal.print_table(console, "Embeddings", columns, rows, words=columns[:2])
    total, n_bytes = sum(each.n_embeddings for each in summaries), sum(each.n_bytes for each in summaries)
    console.print(f"\n{number_of(total, 'embedding')}, {size_text(n_bytes)}")
    if n_unreadable := sum(each.n_unreadable for each in summaries):
        console.print(f"{number_of(n_unreadable, 'shard')} cannot be read and left alone")
    if n_old := sum(each.n_old for each in summaries):
        console.print(
            f"{number_of(n_old, 'file')} of an earlier version, which nothing reads: "
            "clip-audit cache clear --old",
            soft_wrap=True,
        )


@app.command(epilog="Examples:  clip-audit cache clear --old  ·  clip-audit cache clear --model 3f9a --yes")
def clear(
    cache: Folder = None,
    *,
    model: Annotated[
        str | None,
        typer.Option(help="Only this model's, by the start of its fingerprint as `show` prints it."),
    ] = None,
    old: Annotated[bool, typer.Option("--old", help="Only files of earlier versions.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove stored embeddings; they are made again when they are needed. Other files are not touched."""
    from probes.embeddings.store import EmbeddingStore

    store, console = EmbeddingStore(cache), terminal.out()
    files = store.files(model=model, only_old=old)
    if not files:
        console.print("nothing to remove")
        return
    # Before they are removed: afterwards nothing says how large they were.
    n_bytes = sum(path.stat().st_size for path in files)
    if not yes:
        typer.confirm(
            f"Remove {number_of(len(files), 'file')} ({size_text(n_bytes)}) from {store.root}?", abort=True
        )
    removed = store.remove(files)
    console.print(f"{number_of(removed, 'file')} removed, {size_text(n_bytes)}")


def _named(space: str) -> tuple[str, str]:
    """What was embedded, and the start of the model's fingerprint."""
    what, _, rest = space.partition(" ")
    return ("images" if what == "image" else "texts" if what == "text" else what, rest.partition(" ")[0][:12])


def size_text(n_bytes: float) -> str:
    """Bytes with a unit, such as "1.5 GB"."""
    unit = 0
    # Decimal units, as disks are sold and as `df -H` prints them.
    while n_bytes >= 1000 and unit < len(UNITS) - 1:
        n_bytes, unit = n_bytes / 1000, unit + 1
    return f"{n_bytes:,.0f} {UNITS[unit]}" if unit == 0 else f"{n_bytes:,.1f} {UNITS[unit]}"
