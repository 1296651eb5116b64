"""`clip-audit data`: which data sets there are, and whether one can be used."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from audit.commands import terminal

if TYPE_CHECKING:
    from probes.datasets import DemographicDataset

VALUES_SHOWN = 12

app = typer.Typer(no_args_is_help=True, help="Which data sets there are, and whether one can be used.")


@app.command("list", epilog="Example:  clip-audit data list")
def list_() -> None:
    """List what --data can name."""
    from probes.datasets import AT_PATH, EMBEDDED

    rows = []
    for name, load in EMBEDDED.items():
        dataset = load()
        rows.append((name, dataset.card.title, f"{len(dataset):,}", dataset.card.licence))
    for kind, reader in AT_PATH.items():
        rows.append((f"{kind}:PATH", (reader.__doc__ or "").strip().splitlines()[0], "", "yours to know"))
    columns = ("--data", "what it is", "images", "licence")
    terminal.print_table(
        terminal.out(), "Data sets", columns, rows, words={"--data", "what it is", "licence"}
    )


@app.command(epilog="Examples:  clip-audit data check emoji  ·  clip-audit data check table:people.csv")
def check(data: Annotated[str, typer.Argument(metavar="KIND:PATH", help="The data set.")]) -> None:
    """Read every image, and count the values of every attribute, missing and invisible ones included."""
    from probes.datasets import EmbeddedDataset, load_dataset

    dataset = load_dataset(data)
    console = terminal.out()
    card = dataset.card
    console.print(escape(f"{card.title}: {len(dataset):,} images, version {card.version}"), soft_wrap=True)
    console.print(escape(f"licence: {card.licence}"), soft_wrap=True)
    console.print(escape(f"labels: {card.label_provenance}; consent: {card.consent}"), soft_wrap=True)
    for note in card.notes:
        console.print(escape(f"note: {note}"), soft_wrap=True)
    console.print(escape(f"caution: {card.caution}"), soft_wrap=True)
    _print_attributes(dataset, console)
    for reason, n in dataset.dropped["reason"].value_counts().items():
        console.print(escape(f"left out, {n:,}: {reason}"), soft_wrap=True)
    if isinstance(dataset, EmbeddedDataset):
        n_images, dim = dataset.embeddings.shape
        console.print(f"embeddings: {n_images:,} of {dim:,} dimensions; texts: {len(dataset.texts.rows):,}")
    else:
        _print_unreadable(dataset, console)


def _print_attributes(dataset: DemographicDataset, console: Console) -> None:
    columns = ("attribute", "values (images that show them)", "no label", "not visible")
    rows = []
    for name in dataset.attributes:
        labelled = dataset.frame[name].notna()
        counts = dataset.values(name).value_counts()
        shown = ", ".join(f"{value} {n:,}" for value, n in counts.head(VALUES_SHOWN).items())
        more = f", and {len(counts) - VALUES_SHOWN} more" if len(counts) > VALUES_SHOWN else ""
        invisible = int((labelled & ~dataset.visible(name)).sum())
        rows.append((name, shown + more, f"{int((~labelled).sum()):,}", f"{invisible:,}"))
    terminal.print_table(console, "Attributes", columns, rows, words=columns[:2])


def _print_unreadable(dataset: DemographicDataset, console: Console) -> None:
    from probes.datasets import UnreadableImageError
    from probes.datasets.base import ID

    reasons: Counter[str] = Counter()
    first: dict[str, str] = {}
    with terminal.progress_bars() as progress:
        for row in range(len(dataset)):
            try:
                dataset.open_image(row)
            except UnreadableImageError as error:
                reasons[str(error)] += 1
                first.setdefault(str(error), str(dataset.frame[ID].iloc[row]))
            progress("images read", row + 1, len(dataset))
    console.print(f"\nunreadable images: {reasons.total():,} of {len(dataset):,}")
    for reason, n in reasons.most_common():
        console.print(escape(f"  {n:,}: {reason}, first {first[reason]}"), soft_wrap=True)
