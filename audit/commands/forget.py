"""`clip-audit data forget`: drop the stored embeddings of images that were withdrawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands.cache import Folder
from audit.commands.console import terminal
from clipmodel.errors import UserError
from clipmodel.plurals import number_of

if TYPE_CHECKING:
    from probes.datasets import DemographicDataset

EPILOG = (
    "Examples:  clip-audit data forget table:people.csv --ids withdrawn.txt  ·  "
    "clip-audit data forget --sha256 sums.txt  ·  clip-audit data forget embeddings:DIR --ids withdrawn.txt"
)
SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def forget(
    data: Annotated[
        str | None, typer.Argument(metavar="[KIND:PATH]", help="The data set that the ids are from.")
    ] = None,
    *,
    image: Annotated[list[str] | None, typer.Option(help="An image id; may be repeated.")] = None,
    ids: Annotated[Path | None, typer.Option(help="A text file of image ids, one a line.")] = None,
    sha256: Annotated[
        Path | None, typer.Option(help="A text file of the SHA-256 sums of image files, one a line.")
    ] = None,
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="Forget what withdrawn.txt in the folder of the data lists.")
    ] = False,
    all_but: Annotated[
        bool, typer.Option("--all-but", help="Forget every image that is not in this data set.")
    ] = False,
    cache: Folder = None,
) -> None:
    """Drop the embeddings of withdrawn images: from the cache, or from a folder that `embed` wrote.

    Do it while the images are still there, or give their SHA-256 sums; --all-but drops what is left of images
    that are gone already. Audits that were written keep their counts.
    """
    from probes.embeddings.store import EmbeddingStore

    if all_but == bool(image or ids or sha256 or withdrawn):
        raise UserError(
            "which images are to be forgotten?",
            remedy="give --image, --ids, --sha256 or --withdrawn; or --all-but with a data set",
        )
    if data is None and (all_but or image or ids or withdrawn):
        raise UserError("ids belong to a data set", remedy="name it before the options, as KIND:PATH")
    names = [*(image or []), *(_lines(ids) if ids else [])]
    # The first word of a line: sha256sum writes the file's name after it.
    hashes = {line.split()[0].lower() for line in _sums(sha256)} if sha256 else set()
    console = terminal.out()
    if data and data.startswith("embeddings:") and Path(data.partition(":")[2]).is_dir():
        from probes.embeddings.withdrawal import forget_in_folder

        n = forget_in_folder(Path(data.partition(":")[2]), names, hashes)
        console.print(f"{number_of(n, 'image')} forgotten in {data}", soft_wrap=True, markup=False)
        return
    if data:
        from probes.datasets import load_dataset

        dataset = load_dataset(data)
        if withdrawn:
            hashes |= _withdrawn_hashes(dataset)
        if all_but or names:
            hashes |= set(_hashes(dataset, None if all_but else names))
    from probes.datasets.downscaled import downscaled_hash

    # A downscaled copy is stored under a hash of the original's hash and its size, so all sizes are tried.
    every_size = {downscaled_hash(one, size) for one in hashes for size in range(1, LONGEST_SIDE_PX + 1)}
    n = EmbeddingStore(cache).forget(hashes | every_size, rest=all_but)
    console.print(f"{number_of(n, 'embedding')} forgotten", soft_wrap=True)


LONGEST_SIDE_PX = 2048  # downscaled copies have embeddings of their own, found by hash and size


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: no UTF-8 text that can be read", remedy="check the path") from error
    return [line.strip() for line in lines if line.strip()]


def _sums(file: Path) -> list[str]:
    """Lines that begin with a sum, as sha256sum writes them."""
    lines = _lines(file)
    for number, line in enumerate(lines, start=1):
        if not SHA256.fullmatch(line.split()[0]):
            raise UserError(
                f"{file}, line {number}: {line[:80]!r} does not begin with a SHA-256 sum",
                remedy="write 64 hexadecimal digits, one sum a line, as sha256sum does",
            )
    return lines


def _withdrawn_hashes(dataset: DemographicDataset) -> set[str]:
    from probes.datasets.file_dataset import FileDataset
    from probes.datasets.withdrawn import WITHDRAWN_FILE

    if not isinstance(dataset, FileDataset):
        raise UserError(
            f"{dataset.card.name}: {WITHDRAWN_FILE} is read in the folder of a published data set only",
            remedy="give the ids with --ids",
        )
    return set(dataset.withdrawn_hashes())


def _hashes(dataset: DemographicDataset, names: list[str] | None) -> Iterator[str]:
    """Content hashes of the named images, or of all that can be read."""
    from probes.datasets.demographic_dataset import ID, UnreadableImageError

    rows = {str(name): row for row, name in enumerate(dataset.frame[ID])}
    if unknown := [name for name in names or () if name not in rows]:
        raise UserError(
            f"{dataset.card.name}: no image is called {unknown[0]!r}",
            remedy="give ids as in the column image_id or path of the data",
        )
    for name in rows if names is None else names:
        try:
            yield dataset.content_hash(rows[name])
        except UnreadableImageError as error:
            # With --all-but, an image that cannot be read has no hash to keep, and its embedding goes.
            if names is not None:
                raise UserError(
                    f"{dataset.card.name}: {name}: {error}, so its embedding cannot be found by its content",
                    remedy="give the SHA-256 sum of the file with --sha256, or use --all-but",
                ) from error
