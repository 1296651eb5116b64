"""`clip-audit data`: which data sets there are, and whether one can be used."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from audit.commands.console import terminal
from clipmodel.plurals import number_of

if TYPE_CHECKING:
    import pandas as pd

    from probes.datasets import DataCard, DemographicDataset

VALUES_SHOWN = 12
ROWS_SHOWN = 60  # of a crossing
UNVERIFIED = "unverified: the licence was not read at its source; the terms that came with your copy count"
OWN_CARD = (
    "your own data: state licence and labels in people.card.yaml beside people.csv, or FOLDER/card.yaml"
)

app = typer.Typer(no_args_is_help=True, help="Which data sets there are, and whether one can be used.")


@app.command("list", epilog="Example:  clip-audit data list")
def list_() -> None:
    """List what --data can name, with the licence and the origin of the labels."""
    from probes.datasets.dataset_registry import DATASETS

    console = terminal.out()
    cards = [(kind.spec, kind.card) for kind in DATASETS.values() if kind.card]
    columns = ("--data", "what it is", "labels", "licence")
    rows = [(name, card.title, card.label_provenance, card.licence) for name, card in cards]
    terminal.print_table(console, "Published data sets", columns, rows, words=columns)
    own = [(kind.spec, kind.title) for kind in DATASETS.values() if not kind.card]
    terminal.print_table(console, "Data of your own", columns[:2], own, words=columns)
    console.print(f"\n{UNVERIFIED}\n{OWN_CARD}\n\nWhat the layouts are known from:", soft_wrap=True)
    for layout in dict.fromkeys(card.layout for _, card in cards):
        names = ", ".join(name.removesuffix(":PATH") for name, card in cards if card.layout == layout)
        console.print(f"  {layout}: {names}", soft_wrap=True)


@app.command(
    epilog="Examples:  clip-audit data check emoji  ·  clip-audit data check table:my.csv --by race,gender"
)
def check(
    data: Annotated[str, typer.Argument(metavar="KIND:PATH", help="The data set.")],
    by: Annotated[str, typer.Option(help="Attributes to cross, such as race,gender.")] = "",
    images: Annotated[bool, typer.Option("--images/--no-images", help="Read every image.")] = True,
) -> None:
    """Show the card, count images by attribute and by crossing, and name what is missing or unreadable."""
    from audit.conclusions.confounding_sentences import confounding_sentence
    from probes.datasets import EmbeddedDataset, load_dataset
    from probes.datasets.checks.census import attributes_of_interest, confounded
    from probes.datasets.withdrawn import outdated

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # repairs are among the notes of the card
        dataset = load_dataset(data)
    attributes = attributes_of_interest(dataset, [name.strip() for name in by.split(",") if name.strip()])
    console = terminal.out()
    _print_card(dataset, console)
    if sentence := outdated(dataset.card, date.today()):
        console.print(f"[yellow]{escape(sentence)}[/]", soft_wrap=True)
    _print_attributes(dataset, console)
    for note in _further_notes(dataset):
        console.print(escape(note), soft_wrap=True, style="yellow")
    _print_odd_values(data, dataset, console)
    if len(attributes) > 1:
        _print_crossing(dataset, attributes, console)
    for pair in confounded(dataset, attributes):
        console.print(f"[yellow]{escape(confounding_sentence(pair))}[/]", soft_wrap=True)
    _print_losses("Left out", dataset.dropped, attributes, console)
    if isinstance(dataset, EmbeddedDataset):
        dim = dataset.texts.vectors.shape[1]
        console.print(
            f"\nembeddings: {len(dataset):,} of {dim:,} dimensions; texts: {len(dataset.texts.rows):,}"
        )
    elif images:
        _print_unreadable(dataset, attributes, console)


def _print_card(dataset: DemographicDataset, console: Console) -> None:
    card = dataset.card
    console.print(
        f"[bold]{escape(card.title)}[/]: {number_of(len(dataset), 'image')}, version {escape(card.version)}"
    )
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for term, text in (*_terms(card), ("clusters", _clusters(dataset))):
        made.add_row(term, escape(text))
    for note in card.notes:
        made.add_row("note", escape(note), style="yellow")
    console.print(made)


def _further_notes(dataset: DemographicDataset) -> list[str]:
    """Notes on attributes that the card, of whatever kind of data, does not have yet."""
    from probes.datasets.checks.attribute_notes import attribute_notes
    from probes.embeddings.folder import FolderDataset

    if isinstance(dataset, FolderDataset):
        return []
    found = attribute_notes(dataset.frame, dataset.attributes)
    return [one for some in found.values() for one in some if one not in dataset.card.notes]


def _terms(card: DataCard) -> list[tuple[str, str]]:
    return [
        ("licence", card.licence),
        ("consent", card.consent),
        ("labels", f"{card.label_provenance}; by: {card.labelled_by}"),
        ("source", card.source),
        ("caution", card.caution),
    ]


def _clusters(dataset: DemographicDataset) -> str:
    from probes.datasets.checks.census import cluster_sizes

    if dataset.card.cluster is None:
        return "none known: every image counts on its own"
    sizes = cluster_sizes(dataset)
    return f"{len(sizes):,} by {dataset.card.cluster}, the largest of {number_of(int(sizes.max()), 'image')}"


def _print_attributes(dataset: DemographicDataset, console: Console) -> None:
    columns = ("attribute", "values (images that show them)", "no label", "not visible")
    rows = []
    for name in dataset.attributes:
        labelled = dataset.frame[name].notna()
        counts = _value_counts(dataset, name)
        shown = ", ".join(f"{value} {n:,}" for value, n in counts.head(VALUES_SHOWN).items())
        more = f", and {len(counts) - VALUES_SHOWN} more" if len(counts) > VALUES_SHOWN else ""
        invisible = int((labelled & ~dataset.visible(name)).sum())
        rows.append((name, shown + more, f"{int((~labelled).sum()):,}", f"{invisible:,}"))
    terminal.print_table(console, "Attributes", columns, rows, words=columns[:2])


def _print_odd_values(data: str, dataset: DemographicDataset, console: Console) -> None:
    """Values that are probably meant otherwise, as lines to paste into the card beside the data."""
    from probes.datasets.cards import card_file
    from probes.datasets.checks.odd_values import odd_values_of, values_mapping
    from probes.datasets.dataset_registry import DATASETS

    kind, _, path = data.partition(":")
    # Published sets have documented values; only an owner can say what their own were meant to be.
    if kind not in DATASETS or DATASETS[kind].card is not None or not (odd := odd_values_of(dataset)):
        return
    shown = ", ".join(f"{name} {one.value}" for name, values in odd.items() for one in values)
    console.print(escape(f"\nOdd values: {shown}."), soft_wrap=True, style="yellow")
    file = card_file(Path(path))
    console.print(f"If they are meant as here, write into {file}:\n", soft_wrap=True, markup=False)
    console.print(values_mapping(odd), soft_wrap=True, markup=False)


def _value_counts(dataset: DemographicDataset, name: str) -> pd.Series:
    """Images that show each value; one that has several counts once in each."""
    import pandas as pd

    from probes.datasets.memberships import has_value, members

    values = dataset.values(name)
    if name not in dataset.card.several_values:
        return values.value_counts()
    single = members(values, dataset.orders.get(name, ()))
    return pd.Series({one: int(has_value(values, one).eq(True).sum()) for one in single}, dtype=int)


def _print_crossing(dataset: DemographicDataset, attributes: list[str], console: Console) -> None:
    from probes.datasets.checks.census import crossing
    from probes.records import MISSING

    counts = crossing(dataset, attributes)
    table = counts.unstack(attributes[-1])
    rows = []
    for values, row in table.head(ROWS_SHOWN).iterrows():
        names = values if isinstance(values, tuple) else (values,)
        rows.append((*map(str, names), *(f"{n:,}" for n in row)))
    *first, _ = attributes
    columns = (*first, *(f"{value}" for value in table.columns))
    terminal.print_table(console, f"{' by '.join(attributes)}, images", columns, rows, words=first)
    if len(table) > ROWS_SHOWN:
        console.print(f"and {len(table) - ROWS_SHOWN:,} more rows")
    # A combination with a missing label is no group that an audit could compare.
    known = counts[[MISSING not in values for values in counts.index]]
    least = int(known.to_numpy().argmin())
    pairs = zip(attributes, known.index[least], strict=True)
    smallest = ", ".join(f"{name} {value}" for name, value in pairs)
    console.print(
        escape(f"smallest group: {smallest}, {number_of(int(known.iloc[least]), 'image')}"), soft_wrap=True
    )


def _print_losses(title: str, lost: pd.DataFrame, attributes: list[str], console: Console) -> None:
    from probes.datasets.checks.census import losses

    table = losses(lost, attributes)
    columns = ("reason", "images", *attributes)
    rows = [(str(reason), f"{n:,}", *map(str, rest)) for reason, n, *rest in table.itertuples(index=False)]
    terminal.print_table(console, title, columns, rows, words=("reason", *attributes))


def _print_unreadable(dataset: DemographicDataset, attributes: list[str], console: Console) -> None:
    from probes.datasets.checks.census import unreadable
    from probes.datasets.demographic_dataset import ID, REASON

    known = dataset.card.notes
    with terminal.progress_bars() as progress:
        lost = unreadable(dataset, progress=progress)
    for note in dataset.card.notes[len(known) :]:
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)
    _print_losses("Unreadable", lost, attributes, console)
    console.print(f"\nunreadable images: {len(lost):,} of {len(dataset):,}")
    for reason, group in lost.groupby(REASON, sort=False):
        console.print(escape(f"  {len(group):,}: {reason}, first {group[ID].iloc[0]}"), soft_wrap=True)
