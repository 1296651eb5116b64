"""WebDataset tars, read from the front: members KEY.jpg, KEY.txt, KEY.json ... in a row are one sample.

KEY is the member's path up to the first point of its file name; the rest is the kind.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self

from clipmodel.json_text import parse_json
from clipmodel.training.data.sources.field_names import (
    CAPTION_KEYS,
    IMAGE_ENDINGS,
    NO_CAPTION,
    NO_IMAGE,
    captions_in,
)
from clipmodel.training.data.sources.locations import READ_ERRORS, is_remote, opened
from clipmodel.training.data.sources.source import Item, Sample, Skipped

CAPTION_ENDINGS = ("txt", "caption")
EMPTY = "empty shard"
BROKEN = "shard broken off or damaged"
NOTHING = "ends without a mark of the end"
DAMAGE = (*READ_ERRORS, tarfile.TarError, zlib.error, lzma.LZMAError)


class _StrictHeader(tarfile.TarInfo):
    """For tarfile, what follows the first member and is no header is the end; here it is damage."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            # A block of zeros is the mark of the end; a header that is missing or unreadable is damage.
            if buf and not any(buf):
                raise
            raise tarfile.ReadError(NOTHING if not buf else f"damaged header: {error}") from error


class TarReader:
    """Samples of one shard after another.

    Parameters
    ----------
    image, caption
        The kind of an image's member, and that of a caption's or the key of it in KEY.json. By default every
        image's ending, and .txt or .caption or the key caption or text.
    """

    def __init__(self, *, image: str | None = None, caption: str | None = None) -> None:
        self._images = (image.lower(),) if image else IMAGE_ENDINGS
        self._texts = (caption.lower(),) if caption else CAPTION_ENDINGS
        self._keys = (caption,) if caption else CAPTION_KEYS

    def samples(self, shard: str, *, first: int, keep: Callable[[int], bool]) -> Iterator[tuple[int, Item]]:
        """Number in the shard and content of the samples from `first` on that `keep` wants, in order."""
        number = -1
        try:
            for number, key, members in _groups(shard, lambda i: i >= first and keep(i)):
                if members is not None:
                    yield number, self._sample(f"{shard} {key}", members)
        except DAMAGE as error:
            reason = EMPTY if number < 0 and str(error) == NOTHING else BROKEN
            yield number + 1, Skipped(shard, reason, str(error) or type(error).__name__, is_shard=True)
        else:
            if number < 0:
                yield 0, Skipped(shard, EMPTY, is_shard=True)

    def _sample(self, key: str, members: dict[str, bytes]) -> Item:
        kinds = "it has " + ", ".join(members)
        image = next((members[kind] for kind in self._images if kind in members), None)
        if image is None:
            return Skipped(key, NO_IMAGE, kinds)
        captions = self._captions(members)
        return Sample(key, image, captions) if captions else Skipped(key, NO_CAPTION, kinds)

    def _captions(self, members: dict[str, bytes]) -> tuple[str, ...]:
        for kind in self._texts:
            if kind in members:
                return captions_in(members[kind].decode("utf-8", errors="replace"))
        try:
            values = parse_json(members.get("json", b"{}"))
        except ValueError:
            return ()
        found = (values[key] for key in self._keys if key in values) if isinstance(values, dict) else ()
        return captions_in(next(iter(found), None))


def _groups(shard: str, wanted: Callable[[int], bool]) -> Iterator[tuple[int, str, dict[str, bytes] | None]]:
    """Number, key and members by kind of each sample; None for members that are not wanted.

    What a shard that breaks off holds of its last sample is not given.
    """
    number, current = -1, None
    members: dict[str, bytes] | None = None
    with opened(shard) as file, _tar(shard, file) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # it would remember all of them
            if not member.isfile():
                continue
            # WebDataset's rule: the key ends at the first point of the file name, so a.b.jpg has the key "a".
            key, kind = _split(member.name)
            if key != current:
                if current is not None:
                    yield number, current, members
                number, current = number + 1, key
                members = {} if wanted(number) else None
            if members is not None:
                content = tar.extractfile(member)
                assert content is not None
                members[kind] = content.read()
        if current is not None:
            yield number, current, members


def _tar(shard: str, file: IO[bytes]) -> tarfile.TarFile:
    # Seeking over members that are not wanted saves reading them; over a network it would be a request each.
    if not is_remote(shard) and Path(shard).suffix == ".tar":
        return tarfile.open(fileobj=file, mode="r:", tarinfo=_StrictHeader)
    # "|": read once from the front, since a pipe or a web response cannot seek.
    return tarfile.open(fileobj=file, mode="r|*", tarinfo=_StrictHeader)


def _split(name: str) -> tuple[str, str]:
    folder, slash, file = name.rpartition("/")
    key, _, kind = file.partition(".")
    return folder + slash + key, kind.lower()
