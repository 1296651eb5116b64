"""Folders of images with the caption beside each, in NAME.txt or under a key of NAME.json."""

from __future__ import annotations

import pyarrow as pa

from clipmodel.errors import UserError
from clipmodel.json_text import parse_json
from clipmodel.training.data.sources.field_names import CAPTION_KEYS, IMAGE_ENDINGS, NO_CAPTION, captions_in
from clipmodel.training.data.sources.locations import READ_ERRORS, list_files, read_bytes
from clipmodel.training.data.sources.random_access import read_sample
from clipmodel.training.data.sources.source import Item, Skipped


class FolderRows:
    """Images in a folder and those below it, by name.

    Parameters
    ----------
    caption
        Key in NAME.json; by default caption, captions or text.

    Raises
    ------
    UserError
        There is no image.
    """

    def __init__(self, folder: str, *, caption: str | None = None) -> None:
        self.name = folder
        self.unusable: list[Skipped] = []
        self._keys = (caption,) if caption else CAPTION_KEYS
        files = list_files(folder)
        images = [name for name in files if name.rpartition(".")[2].lower() in IMAGE_ENDINGS]
        if not images:
            raise UserError(f"{folder}: no images", remedy="check data.source in the recipe")
        self._paths = pa.array(images)
        present = set(files)
        self._has_text = pa.array([f"{name.rpartition('.')[0]}.txt" in present for name in images])

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, row: int) -> Item:
        path = str(self._paths[row].as_py())
        stem = path.rpartition(".")[0]
        try:
            if self._has_text[row].as_py():
                captions = captions_in(read_bytes(f"{stem}.txt").decode("utf-8", errors="replace"))
            else:
                captions = self._from_json(read_bytes(f"{stem}.json"))
        except (*READ_ERRORS, ValueError) as error:
            return Skipped(path, NO_CAPTION, f"{type(error).__name__}: {error}")
        return read_sample(path, captions) if captions else Skipped(path, NO_CAPTION)

    def _from_json(self, content: bytes) -> tuple[str, ...]:
        values = parse_json(content)
        found = (values[key] for key in self._keys if key in values) if isinstance(values, dict) else ()
        return captions_in(next(iter(found), None))
