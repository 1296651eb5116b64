"""Images that are files below one folder, and how the loaders of known layouts read their annotations."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import place, plain_name, read_table, without_repeated_rows
from probes.datasets.cards import DataCard, card_file, describe, image_folders, renamed, written_card
from probes.datasets.demographic_dataset import ID, DemographicDataset, UnreadableImageError, read_image_file
from probes.datasets.image_paths import first_outside, images_example, outside_words
from probes.datasets.withdrawn import WITHDRAWN_FILE, with_withdrawal_note, with_withdrawn, withdrawn_rows

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")
Box = tuple[float, float, float, float]  # left, top, right, bottom


class FileDataset(DemographicDataset):
    """Rows of a frame, each with a file below `root`.

    Parameters
    ----------
    frame, attributes, card, orders, dropped, derived, annotations
        As for `DemographicDataset`, but for what card.yaml in the folder of the data says.
    root
        The folder of the images.
    home
        The folder of the data, where it is another one.
    files
        [N] the path of each row's image below it; the image ids if left out. Rows may share a file.
    boxes
        [N] the part of the image that the row is about: in pixels, or as shares of width and height
        where no side is above 1. The whole image if left out.

    Raises
    ------
    UserError
        A file is outside the folder, an image id occurs twice, or card.yaml is wrong.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        root: Path,
        attributes: Sequence[str],
        card: DataCard,
        home: Path | None = None,
        files: Sequence[str] | None = None,
        boxes: Sequence[Box] | None = None,
        orders: Mapping[str, Sequence[str]] | None = None,
        dropped: pd.DataFrame | None = None,
        derived: Mapping[str, str] | None = None,
        annotations: Mapping[str, pd.DataFrame] | None = None,
    ) -> None:
        if (again := frame[ID].duplicated()).any():
            name = frame[ID].iloc[int(again.to_numpy().argmax())]
            raise UserError(f"{root}: {name!r} is annotated twice", remedy="keep one row per image")
        home = home or root
        known = describe(frame, home, attributes=list(attributes), card=card)
        every_file = list(files) if files is not None else [str(name) for name in frame[ID]]
        every_box = list(boxes) if boxes is not None else None
        # Left out before the base class makes tables and a hash of the rows.
        gone = withdrawn_rows(known.frame, every_file, home=home, cluster=known.card.cluster)
        if gone.all():
            raise UserError(f"{home}: every image was withdrawn", remedy=f"correct {WITHDRAWN_FILE}")
        left_out = None if dropped is None else renamed(dropped, written_card(home))
        super().__init__(
            known.frame[~gone],
            attributes=known.attributes,
            card=with_withdrawal_note(known.card, int(gone.sum())),
            orders={**(orders or {}), **known.orders},
            dropped=with_withdrawn(left_out, int(gone.sum())),
            derived=derived,
            annotations={name: table[~gone] for name, table in (annotations or {}).items()},
        )
        self.root = root
        self._files = [name for name, lost in zip(every_file, gone, strict=True) if not lost]
        self._boxes = None if every_box is None else _only(every_box, ~gone)
        self._withdrawn = (_only(every_file, gone), None if every_box is None else _only(every_box, gone))
        # Checked for every name when the data are opened: a run must not end on it hours later.
        outside = first_outside(root, self._files, folders=image_folders(home))
        if outside is not None:
            name = self._files[outside]
            raise UserError(
                f"{root}: {outside_words(root, name)}",
                remedy=f"name files below it, or write into {card_file(home)}:  "
                + images_example((root / name).resolve().parent),
            )

    def path_of(self, row: int) -> Path:
        """The file of a row."""
        return self.root / self._files[row]

    def read_bytes(self, row: int) -> bytes:
        return read_image_file(self.root / self._files[row])

    def image_of(
        self, row: int, data: bytes, *, convert: bool = True, least_side: int | None = None
    ) -> Image.Image:
        """The image of a row, RGB, cut to its box; raises UnreadableImageError where it is damaged."""
        if self._boxes is None:
            return super().image_of(row, data, convert=convert, least_side=least_side)
        # Boxes are in pixels of the whole size, and what they leave may be small.
        return _cut(super().image_of(row, data, convert=convert), self._boxes[row])

    def hash_of(self, row: int, data: bytes) -> str:
        """SHA-256 of the encoded image and its box."""
        return _hash(data, None if self._boxes is None else self._boxes[row])

    def withdrawn_hashes(self) -> Iterator[str]:
        """Content hashes of the withdrawn images that still lie in the folder, to forget their embeddings."""
        files, boxes = self._withdrawn
        for row, name in enumerate(files):
            path = self.root / name
            if path.is_file():
                yield _hash(path.read_bytes(), None if boxes is None else boxes[row])


def _hash(data: bytes, box: Box | None) -> str:
    whole = hashlib.sha256(data).hexdigest()
    # The box is part of the content: two persons cut from one file are two images.
    return whole if box is None else hashlib.sha256(f"{whole} {box}".encode()).hexdigest()


def _only(values: Sequence[T], rows: NDArray[np.bool_]) -> list[T]:
    return [value for value, kept in zip(values, rows, strict=True) if kept]


def _cut(image: Image.Image, box: Box) -> Image.Image:
    left, top, right, bottom = box
    # No box in pixels is one pixel wide or less, so shares can be told from pixels.
    if max(box) <= 1:
        left, right = left * image.width, right * image.width
        top, bottom = top * image.height, bottom * image.height
    # Boxes of annotators reach over the edge now and then; only an empty rest is an error.
    left, top = max(0, round(left)), max(0, round(top))
    right, bottom = min(image.width, round(right)), min(image.height, round(bottom))
    if left >= right or top >= bottom:
        raise UnreadableImageError("the box is empty or outside the image")
    return image.crop((left, top, right, bottom))


def find(root: Path, *names: str, what: str) -> Path:
    """The first of some files that is there.

    Raises
    ------
    UserError
        None of them is; the message names the folder and what was expected.
    """
    if not root.is_dir():
        raise UserError(f"no folder at {str(root)!r}", remedy=f"give the folder of {what}")
    for name in names:
        if (root / name).exists():
            return root / name
    raise UserError(f"{root}: no {' or '.join(names)}", remedy=f"give the folder of {what}")


def read_annotations(file: Path, columns: Sequence[str], *, key: str | None = None) -> pd.DataFrame:
    """A table of annotations as strings, NaN where a field is empty; rows that repeat in full are dropped.

    Parameters
    ----------
    file
        The table.
    columns
        The columns it must have; capitals and blanks in the header do not matter.
    key
        A column that must have a value in every row, such as that of the image.

    Raises
    ------
    UserError
        The file cannot be read, lacks one of the columns, or a row lacks the key.
    """
    table = with_columns(file, read_table(file), columns)
    if key and table[key].isna().any():
        where = place(table[key].isna())
        raise UserError(f"{file}, {where}: {key} is empty", remedy="give every row its image")
    return without_repeated_rows(table, key or columns[0], file=file)


def with_columns(file: Path, table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The table, if it has the columns; otherwise a UserError that names the first one missing."""
    written = {plain_name(name): name for name in map(str, table.columns)}
    names = {written[plain_name(name)]: name for name in columns if plain_name(name) in written}
    table = table.rename(columns={old: new for old, new in names.items() if new not in table})
    if absent := [name for name in columns if name not in table]:
        found = ", ".join(map(str, table.columns))
        raise UserError(
            f"{file}: no column {absent[0]!r} among: {found}", remedy=f"the columns are {', '.join(columns)}"
        )
    return table


def checked_values(file: Path, column: pd.Series, known: Sequence[str]) -> pd.Series:
    """The column, if every value is known or missing.

    Raises
    ------
    UserError
        With the line and the known values.
    """
    wrong = column.notna() & ~column.isin(known)
    if wrong.any():
        value = str(column.iloc[int(wrong.to_numpy().argmax())])
        raise UserError(
            f"{file}, {place(wrong)}: {column.name} is {value!r}", remedy=f"one of: {', '.join(known)}"
        )
    return column


def open_annotations(file: Path) -> io.StringIO:
    """The text of a file without header or separators; line ends are "\\n".

    Raises
    ------
    UserError
        The file is not UTF-8.
    """
    try:
        return io.StringIO("\n".join(file.read_text(encoding="utf-8-sig").splitlines()))
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text", remedy="save it as UTF-8") from error
