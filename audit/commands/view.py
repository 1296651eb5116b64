"""`clip-audit view`: the images behind a number, on a local page; or as a data set for FiftyOne."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.commands.console import terminal
from clipmodel.errors import UserError

if TYPE_CHECKING:
    from audit.result import AuditResult
    from probes.datasets import DemographicDataset

EPILOG = (
    "Examples:  clip-audit view runs/quickstart  ·  "
    "clip-audit view runs/mine --data table:people.csv --against runs/new  ·  "
    "clip-audit view runs/mine --data table:people.csv --fiftyone for-fiftyone"
)


def view(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that clip-audit run wrote.")],
    *,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:PATH", help="The data it was run on.", show_default="emoji, if it was that"
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Another audit of the same images: shows where the two disagree."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 0,
    fiftyone: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a data set for FiftyOne instead.")
    ] = None,
) -> None:
    """Show the images behind any cell on a page that only this machine can open; Ctrl-C ends it.

    Images are blurred until one is asked for. Data whose card says `thumbnails: false` are refused. Nothing
    is written, and nothing of it is in any report.
    """
    from audit.result import AuditResult

    result = AuditResult.read(folder)
    dataset = _dataset(result, data)
    rows = _rows(dataset)
    if fiftyone is not None:
        _export(result, dataset, rows, fiftyone)
        return
    from audit.viewer.server import Server, View

    other = None if against is None else AuditResult.read(against)
    shown = View(result=result, images=dataset, rows=rows, against=other)
    try:
        server = Server(shown, port=port)
    except OSError as error:
        raise UserError(
            f"port {port} cannot be used: {error.strerror}", remedy="without --port a free one is taken"
        ) from error
    with server:
        terminal.out().print(f"Open:  {server.address}\nCtrl-C ends it.", soft_wrap=True, markup=False)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            terminal.out().print("ended")


def _dataset(result: AuditResult, data: str | None) -> DemographicDataset:
    """The data of the audit, if their card lets images be shown."""
    from probes.datasets import load_dataset
    from probes.datasets.dataset_registry import DATASETS

    name = result.manifest["data"]["name"]
    if data is None and not (name in DATASETS and DATASETS[name].embedded):
        raise UserError(
            f"the audit does not say where the data {name!r} are", remedy="name them: --data KIND:PATH"
        )
    dataset = load_dataset(data or name)
    if dataset.card.name != name:
        raise UserError(
            f"the audit is of the data {name!r}, not {dataset.card.name!r}", remedy="name its own with --data"
        )
    if not dataset.card.thumbnails:
        raise UserError(
            f"the card of {name!r} does not let its images be shown",
            remedy="read the terms that came with your copy; data of your own: thumbnails in their card",
        )
    return dataset


def _rows(dataset: DemographicDataset) -> dict[str, int]:
    from probes.datasets import EmbeddedDataset
    from probes.datasets.demographic_dataset import ID
    from probes.scoring.outcome_bits import digests

    if isinstance(dataset, EmbeddedDataset):
        raise UserError(
            "the data are embeddings or predictions: there are no images", remedy="name the images"
        )
    return {digest: row for row, digest in enumerate(digests(dataset.frame[ID]))}


def _export(result: AuditResult, dataset: DemographicDataset, rows: dict[str, int], folder: Path) -> None:
    from audit.viewer.fiftyone_export import write_fiftyone

    held: Any = dataset
    path_of = getattr(held, "path_of", None)
    if path_of is None:
        raise UserError("the images of these data are not single files", remedy="export a table: or folder:")
    files = {digest: Path(path_of(row)) for digest, row in rows.items()}
    count = write_fiftyone(result, folder, files=files)
    terminal.out().print(f"{count:,} samples: {folder}", soft_wrap=True, markup=False)
