"""Names that columns, members and keys usually have, and captions of every shape to a tuple of texts."""

from __future__ import annotations

from collections.abc import Sequence

from clipmodel.errors import UserError

IMAGE_ENDINGS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif")
IMAGE_COLUMNS = ("image", "image_path", "filepath", "filename", "file", "path", "jpg", "img")
CAPTION_COLUMNS = ("caption", "captions", "title", "text", "txt")
CAPTION_KEYS = ("caption", "captions", "text")
NO_IMAGE = "no image"
NO_CAPTION = "no caption"


def captions_in(value: object) -> tuple[str, ...]:
    """The texts in a string or a list of strings, blank ones left out."""
    values = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    return tuple(text for text in values if isinstance(text, str) and text.strip())


def choose_column(
    wanted: str | None, columns: Sequence[str], *, usual: Sequence[str], what: str, source: str
) -> str:
    """The column of images or captions: the one asked for, or the only one with a usual name.

    Raises
    ------
    UserError
        It is not there, or several could be meant; the message lists the columns.
    """
    listed = f"its columns: {', '.join(columns)}"
    if wanted is not None:
        if wanted not in columns:
            remedy = f"name one of them as data.{what}"
            raise UserError(f"{source}: no column {wanted!r} (data.{what}); {listed}", remedy=remedy)
        return wanted
    found = [name for name in columns if name.lower() in usual]
    if len(found) != 1:
        many = f"several columns may be the {what}: {', '.join(found)}" if found else f"no column {what!r}"
        raise UserError(f"{source}: {many}; {listed}", remedy=f"name the column as data.{what}")
    return found[0]
