"""The annotation contract: what every demographic data set gives, whatever its layout on disk."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.checks.copies import Copies, find_copies, joined
from probes.datasets.checks.reserved_values import refuse_reserved
from probes.datasets.memberships import base_of, check_value, membership_column, membership_order
from probes.label_text import clean_column, clean_label

if TYPE_CHECKING:
    from PIL import Image

ID, REASON = "image_id", "reason"
VISIBLE_PREFIX = "visible_"
LFS_POINTER = b"version https://git-lfs."
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis")


class UnreadableImageError(ValueError):
    """An image that is missing or damaged: counted, not fatal. The message is the reason."""


class DemographicDataset(ABC):
    """Images of known attributes.

    Parameters
    ----------
    frame
        One row per image: image_id (unique), the attributes as strings (NaN where there is no label), the
        cluster key of the card, and for some attributes a boolean column visible_<attribute>.
    attributes
        The columns that are attributes.
    card
        What a reader must know of the data.
    orders
        The natural order of the values of an attribute, where it is not the alphabet's or the numbers'.
    dropped
        One row per annotated image that is no row of the frame: the reason, and the attributes that are
        known all the same. An audit counts them as excluded.
    derived
        Attribute -> the attribute it is made from: the two are associated by construction.
    annotations
        Attribute -> [N, J] what each of J annotators said of it, missing where one said nothing; of the
        attributes that several people labelled independently of each other.

    Labels are brought into one form (`probes.label_text`), which is noted on the card. An attribute with the
    name of a column that the audit itself needs is no attribute, which is noted as well.

    Raises
    ------
    ValueError
        A column is missing, or image ids repeat.
    UserError
        An attribute has a value that the audit's tables use for something else, such as "(all)".
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        attributes: Sequence[str],
        card: DataCard,
        orders: Mapping[str, Sequence[str]] | None = None,
        dropped: pd.DataFrame | None = None,
        derived: Mapping[str, str] | None = None,
        annotations: Mapping[str, pd.DataFrame] | None = None,
        distinct: bool = False,
    ) -> None:
        attributes, taken = _usable(attributes)
        needed = [ID, *attributes, *([card.cluster] if card.cluster else [])]
        if absent := [name for name in needed if name not in frame]:
            raise ValueError(f"the data set {card.name!r} lacks the columns {', '.join(absent)}")
        if not distinct and not frame[ID].is_unique:
            raise ValueError(f"the data set {card.name!r} has image ids that repeat")
        frame, notes = clean_frame(frame.reset_index(drop=True), attributes, name=card.name)
        self.frame = frame
        self.attributes = list(attributes)
        self.card = replace(card, notes=(*card.notes, *taken, *notes))
        self.orders = {
            name: [clean_label(value) for value in order] for name, order in (orders or {}).items()
        }
        unread = pd.DataFrame({REASON: []}) if dropped is None else dropped
        dropped_columns = [REASON, *self.attributes]
        unread = unread.reindex(columns=dropped_columns).astype(object).reset_index(drop=True)
        self.dropped = clean_frame(unread, attributes, name=card.name)[0]
        self.derived = dict(derived or {})
        self.annotations = {name: table.reset_index(drop=True) for name, table in (annotations or {}).items()}
        self._copies: Copies | None = None

    annotations: Mapping[str, pd.DataFrame] = MappingProxyType({})
    multiplicity: np.ndarray | None = None
    """[N] images that a row stands for; None where each stands for itself."""

    def __len__(self) -> int:
        return len(self.frame)

    @abstractmethod
    def read_bytes(self, row: int) -> bytes:
        """The encoded image of a row; raises UnreadableImageError where there is none."""

    def open_image(self, row: int) -> Image.Image:
        """The decoded image of a row, RGB; raises UnreadableImageError where it is damaged."""
        return self.image_of(row, self.read_bytes(row))

    def content_hash(self, row: int) -> str:
        """SHA-256 of the encoded image: equal files share one embedding."""
        return self.hash_of(row, self.read_bytes(row))

    def image_of(
        self, row: int, data: bytes, *, convert: bool = True, least_side: int | None = None
    ) -> Image.Image:
        """The image of a row from its bytes, which are read once for this and for the hash.

        Without `convert` it keeps its mode, for a model whose own preprocessing converts it. `least_side`
        are the pixels of the shorter side that are enough (see `image_decoding.open_image`).
        """
        return decode(data, convert=convert, least_side=least_side)

    def hash_of(self, row: int, data: bytes) -> str:
        """The content hash of a row from its bytes."""
        return hashlib.sha256(data).hexdigest()

    def visible(self, attribute: str) -> np.ndarray:
        """[N] bool: whether the image shows the attribute; all true where the data do not say."""
        column = VISIBLE_PREFIX + attribute
        return self.frame[column].to_numpy(bool) if column in self.frame else np.ones(len(self), bool)

    def values(self, attribute: str) -> pd.Series:
        """[N] the values of an attribute; NaN where there is no label or the image does not show it."""
        return self.frame[attribute].where(self.visible(attribute))

    def levels(self, attribute: str) -> list[str]:
        """The values of an attribute in their natural order, which tables and figures keep."""
        present = self.frame[attribute].dropna().unique().tolist()
        known = [value for value in self.orders.get(attribute, ()) if value in present]
        return known + sorted((value for value in present if value not in known), key=_natural)

    @property
    def clusters(self) -> pd.Series:
        """[N] the cluster of each image; its own id if the data know of none. Copies share one."""
        own = self.frame[ID].astype(str)
        if self.card.cluster is not None:
            named = self.frame[self.card.cluster]
            # An image without a person's name is a person of its own.
            own = (named.fillna(self.frame[ID]) if named.hasnans else named).astype(str)
        return own if self._copies is None else joined(own, self._copies)

    @property
    def has_clusters(self) -> bool:
        """Whether some images may belong together: the data name their clusters, or copies were found."""
        return self.card.cluster is not None or bool(self._copies is not None and len(self._copies.rows))

    def add_memberships(self, names: Sequence[str]) -> None:
        """Add attributes such as "ancestry: Asia": who has a value, of an attribute of several.

        The annotations' hash stays that of what was annotated. A name that is there already is left alone.

        Raises
        ------
        UserError
            Nobody has the value.
        """
        for name in names:
            found = base_of(name, self.card.several_values)
            if found is None or name in self.attributes:
                continue
            attribute, value = found
            column = self.frame[attribute]
            check_value(attribute, value, column)
            _ = self.sha256  # before the frame changes
            self.orders[name] = membership_order(column, value, self.orders.get(attribute, ()))
            self.frame = self.frame.assign(**{name: membership_column(column, value)})
            visible = VISIBLE_PREFIX + attribute
            if visible in self.frame:
                self.frame[VISIBLE_PREFIX + name] = self.frame[visible]
            self.dropped[name] = membership_column(self.dropped[attribute], value)
            self.derived[name] = self.derived.get(attribute, attribute)
            self.attributes.append(name)
            if attribute in self.card.image_attributes:
                self.card = replace(self.card, image_attributes=(*self.card.image_attributes, name))

    def note_copies(self, rows: Sequence[int], contents: Sequence[str]) -> Copies:
        """Find byte-identical images among some rows, join their clusters, and say so on the card.

        Parameters
        ----------
        rows
            [N] rows that were read.
        contents
            [N] their content hashes, or other values that are equal for equal images.
        """
        labels = self.frame[self.attributes].iloc[list(rows)]
        earlier = "" if self._copies is None else self._copies.sentence
        self._copies = copies = find_copies(rows, contents, labels)
        notes = [note for note in self.card.notes if note != earlier]
        self.card = replace(self.card, notes=(*notes, *filter(None, [copies.sentence])))
        return copies

    @cached_property
    def sha256(self) -> str:
        """Over the annotations, column by column; a run's manifest adds the hashes of its images."""
        digest = hashlib.sha256()
        for name in self.frame:
            self._hash_column(digest, str(name))
        return digest.hexdigest()

    def _hash_column(self, digest: hashlib._Hash, name: str) -> None:
        """Add a column of the frame to a hash."""
        column = self.frame[name]
        try:
            codes, values = pd.factorize(column)  # a missing value has the code -1
        except TypeError:  # lists, such as the keywords of emoji, are told apart as text
            codes, values = pd.factorize(column.map(_list_text, na_action="ignore"))
        # Codes and distinct values instead of every value: the same information, hashed many times faster.
        digest.update("\x1f".join([name, *map(str, values)]).encode() + b"\x1e")
        # Little endian and 64 bits everywhere, so that machines agree on the hash.
        digest.update(codes.astype("<i8").tobytes())


def _list_text(value: object) -> str:
    return str(value.tolist() if isinstance(value, np.ndarray) else value)


def clean_frame(
    frame: pd.DataFrame, attributes: Sequence[str], *, name: str
) -> tuple[pd.DataFrame, list[str]]:
    """A frame with its attributes as clean labels, and what was changed, a sentence each.

    Raises
    ------
    UserError
        A value is reserved (`checks.reserved_values`).
    """
    columns, notes = {}, []
    for attribute in attributes:
        cleaned = clean_column(frame[attribute])
        notes += cleaned.notes(attribute)
        columns[attribute] = cleaned.column
        refuse_reserved(cleaned.column, source=f"the data {name!r}", images=frame.get(ID))
    return frame.assign(**columns), notes


def _usable(attributes: Sequence[str]) -> tuple[list[str], list[str]]:
    """The attributes that are not called like a column of the frames, and a note on each of the others."""
    taken = [name for name in attributes if name in (ID, REASON)]
    notes = [
        f"The column {name!r} is no attribute here: the tables of an audit use the name." for name in taken
    ]
    return [name for name in attributes if name not in taken], notes


def _of_other_form(path: Path) -> Path | None:
    """The file whose name differs in its Unicode form: disks of macOS keep "é" as "e" and an accent."""
    forms = (path.with_name(unicodedata.normalize(form, path.name)) for form in ("NFC", "NFD"))
    return next((form for form in forms if form.is_file()), None) if not path.name.isascii() else None


def read_image_file(path: Path) -> bytes:
    """The bytes of an image file; raises UnreadableImageError where there is none."""
    found = path if path.is_file() else _of_other_form(path)
    if found is None:
        raise UnreadableImageError("there is no such file")
    try:
        return found.read_bytes()
    except OSError as error:
        raise UnreadableImageError("the file cannot be read") from error


def decode(data: bytes, *, convert: bool = True, least_side: int | None = None) -> Image.Image:
    """Encoded bytes to an upright image, RGB if converted, as `image_decoding.open_image` reads every kind.

    Raises
    ------
    UnreadableImageError
        The bytes are no image, a damaged one, or one of too many pixels.
    """
    # Here: an audit of stored embeddings opens no image, and Pillow with all its formats is slow to import.
    from clipmodel.inputs.image_decoding import open_image

    try:
        return open_image(data, convert=convert, least_side=least_side)
    except UserError as error:
        raise UnreadableImageError(_why_unreadable(data, error)) from error


def _why_unreadable(data: bytes, error: UserError) -> str:
    """The reason that is counted: one of a few, so that a table of losses stays short."""
    if "too narrow" in error.message:
        return "the image is too narrow to be resized"
    if not data:
        return "the file is empty"
    if data.startswith(LFS_POINTER):
        return "the file is a pointer of Git LFS: run git lfs pull"
    if data[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "the file is a web page"
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        return "the image is HEIC, which is not read: convert it to JPEG"
    return "the image cannot be decoded"


def _natural(value: str) -> list[tuple[int, int, str]]:
    """A sort key that puts "3-9" before "10-19"."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", value) if part
    ]
