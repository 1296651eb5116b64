"""The card of a data set: what a reader of a report must know of it, and how an owner of data writes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pandas as pd
from pydantic import AfterValidator, Field, field_validator

from clipmodel.errors import UserError
from clipmodel.plurals import number_of
from clipmodel.yaml_models import StrictModel, closest, is_file, read_yaml_model
from probes.datasets.checks.annotator_columns import with_annotators
from probes.datasets.checks.reserved_values import refuse_reserved
from probes.datasets.memberships import joined_values
from probes.label_text import clean_column, clean_label

Provenance = Literal["perceived", "self-reported", "by design", "public record", "not stated"]
ScoreKind = Literal["probabilities", "independent probabilities", "percentages", "logits"]
NOT_STATED: Final = "not stated"
REPLACED = (
    "title", "version", "licence", "consent", "label_provenance", "labelled_by", "source", "caution",
    "thumbnails",
)  # fmt: skip
OF_IMAGES = ("split",)
"""Columns that describe the image and not a person wherever a card does not say otherwise."""
PUBLISHED_LAYOUT: Final = "papers and public code"
UNVERIFIED = "(unverified)"
"""Behind a licence that was not read at its source: the terms that came with a copy count."""


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What a reader of a report must know of the data."""

    name: str
    title: str
    version: str
    licence: str
    consent: str
    label_provenance: Provenance
    caution: str
    labelled_by: str = NOT_STATED  # who gave which label
    source: str = NOT_STATED  # the paper or place the data come from
    cluster: str | None = None  # the column whose equal values are no independent images
    image_attributes: tuple[str, ...] = ()  # attributes of the image, not of whom it shows: split, source
    several_values: tuple[str, ...] = ()  # attributes of which an image may have several, joined by SEVERAL
    ordinal: tuple[str, ...] = ()  # attributes whose order a trend can follow, beside age, tone and bands
    layout: str = PUBLISHED_LAYOUT  # what the reader of the layout was written after
    renewed_days: int | None = None  # a version is replaced after so many days, because consent can end
    thumbnails: bool = True  # whether `clip-audit view` may show the images on the machine they lie on
    notes: tuple[str, ...] = ()  # what the loader repaired, cut or assumed, a sentence each


# Names of columns and values in the form that they have once the data are read.
Word = Annotated[str, AfterValidator(clean_label)]


class WrittenCard(StrictModel):
    """A card that lies beside the data: `people.card.yaml` beside people.csv, card.yaml in a folder.

    Every key may be left out. The first ones replace what the card says. `cluster` names the column of
    persons; `attributes` the columns that are attributes, where not all are; `image_attributes` those of them
    that describe the image and not whom it shows, such as its split or source: no contrast of people is made
    of them; `several_values` those of which an image may have several, each with what separates them in a
    field, {ancestry: ";"} (`probes.datasets.memberships`); `ordinal` those with an order that a trend can
    follow (`probes.planning.ordinal_scales`); `annotators` the columns in which several people labelled an
    attribute of a table, {skin_tone: [tone_1, tone_2]} (`checks.annotator_columns`); `orders` the natural
    order of values; `values` what a value is to be called, or null where it is no label:
    {race: {Asian: East Asian, Others: null}}. `images` lists further folders that images may lie in: without
    it, what leads out of the data's own folder is refused. `thumbnails: false` keeps `clip-audit
    view` from showing the images.
    """

    title: str | None = None
    version: str | None = None
    licence: str | None = None
    consent: str | None = None
    label_provenance: Provenance | None = None
    labelled_by: str | None = None
    source: str | None = None
    caution: str | None = None
    cluster: Word | None = None
    attributes: list[Word] | None = None
    image_attributes: list[Word] | None = None
    several_values: dict[Word, str] = Field(default={})
    ordinal: list[Word] = Field(default=[])
    annotators: dict[Word, list[Word]] = Field(default={})
    orders: dict[Word, list[Word]] = Field(default={})
    values: dict[Word, dict[Word, str | None]] = Field(default={})
    images: list[str] = Field(default=[])
    scores: ScoreKind | None = None
    thumbnails: bool | None = None

    @field_validator("attributes", "image_attributes", "ordinal", "annotators", "orders")
    @classmethod
    def _each_once(cls, named: Any) -> Any:
        """Names of columns and values of an order: one that is there twice would be two of one name."""
        for words in named.values() if isinstance(named, dict) else [named or []]:
            if again := next((word for i, word in enumerate(words) if word in words[:i]), None):
                raise ValueError(f"{again!r} is there twice")
        return named


def card_file(path: Path) -> Path:
    """Where the card of a file or folder of data lies."""
    return path / "card.yaml" if path.is_dir() else path.with_name(f"{path.stem}.card.yaml")


def written_card(path: Path) -> WrittenCard:
    """The card beside a file or folder of data; an empty one where there is none.

    Raises
    ------
    UserError
        A key or value of the card is wrong.
    """
    file = card_file(path)
    return read_yaml_model(file, WrittenCard, what="card") if is_file(file) else WrittenCard()


def image_folders(path: Path) -> list[Path]:
    """The folders that the images of some data may lie in: their own, and those of a card beside them."""
    own = path if path.is_dir() else path.parent
    return [own, *((own / name).expanduser() for name in written_card(path).images)]


@dataclass(frozen=True, kw_only=True)
class Described:
    """A frame as its card describes it."""

    frame: pd.DataFrame
    attributes: list[str]
    card: DataCard
    orders: Mapping[str, list[str]]
    annotations: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def describe(
    frame: pd.DataFrame, path: Path, *, attributes: list[str], card: DataCard, annotators: bool = False
) -> Described:
    """Apply the card beside some data to what was read of them.

    Parameters
    ----------
    frame
        One row per image, with the attributes and the cluster as columns.
    path
        The file or folder of the data.
    attributes
        What would be attributes without a card.
    card
        What is known without a card.
    annotators
        Whether the data keep what several annotators said.

    Raises
    ------
    UserError
        The card names a column or value that is not there, or annotators of data that do not keep them.
    """
    written, file = written_card(path), card_file(path)
    if written.annotators and not annotators:
        raise UserError(
            f"{file}: annotators: only of a table of images", remedy="give the data as table:FILE"
        )
    said = with_annotators(frame, written.annotators, values=written.values, file=file)
    frame = said.frame
    attributes = [name for name in attributes if name not in said.taken]
    attributes += [name for name in said.said if name not in attributes]
    cluster = written.cluster or card.cluster
    # The column of persons is no attribute: every person would be a group.
    chosen = written.attributes or [name for name in attributes if name != cluster]
    named = [*chosen, *(written.image_attributes or ()), *written.several_values]
    named += [*written.ordinal, *written.orders, *written.values]
    for name in [*named, *([cluster] if cluster else [])]:
        if name not in frame:
            raise UserError(f"{file}: no column {name!r}", remedy=closest(name, attributes))
    notes = [*card.notes, *said.notes]
    # Cleaned before the card's own renaming, so that its keys need not repeat the blanks of the file.
    for name in dict.fromkeys([*chosen, *written.values, *([cluster] if cluster else [])]):
        cleaned = clean_column(frame[name])
        frame = frame.assign(**{name: cleaned.column})
        notes += cleaned.notes(name)
    for name, separator in written.several_values.items():
        if not separator.strip():
            raise UserError(f"{file}: several_values: {name}: no separator", remedy="write one, such as ';'")
        column = joined_values(frame[name], separator, written.orders.get(name, ()))
        frame = frame.assign(**{name: column})
    notes += _notes_on_values(frame, written, said.said, file)
    of_images = card.image_attributes or tuple(name for name in OF_IMAGES if name in chosen)
    if written.image_attributes is not None:
        of_images = tuple(written.image_attributes)
    given = {key: value for key in REPLACED if (value := getattr(written, key)) is not None}
    if written.label_provenance and card.label_provenance == "not stated":
        given = {"caution": ""} | given  # which said that nobody knows how the labels came about
    frame = renamed(frame, written)
    if frame.index.name is not None:  # a table, whose lines or rows are known only here
        for name in chosen:
            refuse_reserved(frame[name], source=path)
    return Described(
        frame=frame,
        attributes=chosen,
        card=replace(
            card,
            cluster=cluster,
            image_attributes=of_images,
            several_values=tuple(dict.fromkeys([*card.several_values, *written.several_values])),
            ordinal=tuple(dict.fromkeys([*card.ordinal, *written.ordinal])),
            notes=tuple(notes),
            **given,
        ),
        orders=written.orders,
        annotations=said.said,
    )


def _notes_on_values(
    frame: pd.DataFrame, written: WrittenCard, said: Mapping[str, pd.DataFrame], file: Path
) -> list[str]:
    """What a card calls values, and how many images have them; UserError if none has."""
    notes: list[str] = []
    for name, words in written.values.items():
        for old, new in words.items():
            if name in said:
                continue  # what annotators said is called by its new name already
            if not (n := int((frame[name] == old).sum())):
                known = sorted(frame[name].dropna().unique())
                raise UserError(f"{file}: no image has {name} {old!r}", remedy=closest(old, known))
            meaning = "counts as no label" if new is None else f"is called {new}"
            notes.append(f"{name} {old} {meaning} here, in {number_of(n, 'image')}, as {file.name} says.")
    return notes


def renamed(frame: pd.DataFrame, written: WrittenCard) -> pd.DataFrame:
    """The frame with the values of its attributes called as a card says; None makes them missing."""
    columns = {}
    for name, words in written.values.items():
        if name in frame:
            column = clean_column(frame[name]).column
            columns[name] = column.mask(column.isin(list(words)), column.map(words))
    return frame.assign(**columns)


def unknown_card(name: str, title: str, *, caution: str, notes: tuple[str, ...] = ()) -> DataCard:
    """The card of data that nothing is known of until their owner writes one."""
    return DataCard(
        name=name, title=title, version=NOT_STATED, licence=NOT_STATED, consent=NOT_STATED,
        label_provenance="not stated", caution=caution, notes=notes,
    )  # fmt: skip
