"""`clip-audit data annotate`: other annotations for embeddings that are there already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.commands.console import terminal
from clipmodel.errors import UserError
from clipmodel.plurals import number_of

EPILOG = (
    "Example:  clip-audit data annotate embeddings:DIR --from labels.parquet --key image --attribute gender "
    "--attribute race --cluster person --out annotated"
)
PREFIX = "embeddings:"


def annotate(
    embeddings: Annotated[
        str, typer.Argument(metavar="embeddings:DIR", help="A folder that clip-audit embed wrote.")
    ],
    *,
    tables: Annotated[
        list[Path],
        typer.Option("--from", help="A parquet or CSV file of annotations, of any size; may be repeated."),
    ],
    attribute: Annotated[
        list[str], typer.Option(help="A column that becomes a group attribute; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="The new folder; embeddings are linked, not copied.")],
    key: Annotated[str, typer.Option(help="The column of image ids.")] = "image_id",
    cluster: Annotated[
        str | None, typer.Option(help="The column that says which images are of one person.")
    ] = None,
    memory: Annotated[int, typer.Option(min=64, help="Megabytes that the join may hold.")] = 1024,
) -> None:
    """Join annotations from tables larger than memory to the images of a folder of embeddings.

    Images without a row have no value: audits count and show them among the excluded ones.
    """
    from probes.embeddings.joined_annotations import Join, join_annotations

    folder = Path(embeddings.removeprefix(PREFIX))
    if missing := [path for path in tables if not path.is_file()]:
        raise UserError(f"no table at {str(missing[0])!r}", remedy="check the path after --from")
    with terminal.working("joining annotations"):
        found = join_annotations(
            folder,
            Join(
                tables=tables, key=key, attributes=list(dict.fromkeys(attribute)), cluster=cluster,
                memory_mb=memory,
            ),
            out=out,
        )  # fmt: skip
    rest = found.n_images - found.n_annotated
    terminal.out().print(
        f"{found.n_annotated:,} of {number_of(found.n_images, 'image')} have a row"
        + (f", {rest:,} have none" if rest else "")
        + (f"; {number_of(found.n_unused, 'row')} of no image" if found.n_unused else "")
        + f". Next: clip-audit run SUITE --data {PREFIX}{out}",
        soft_wrap=True,
        markup=False,
    )
