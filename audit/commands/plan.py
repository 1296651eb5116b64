"""`clip-audit plan`: time, disk and cost of embedding many images, from rates measured on this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from audit.commands.cache import size_text
from audit.commands.console import terminal

EPILOG = "Examples:  clip-audit plan  ·  clip-audit plan --model clip.pt --workers 64 --price 0.05"
SIZES = (10**6, 10**8, 10**10)


def plan(
    *,
    model: Annotated[str, typer.Option(help="A bundled model by name, or a model folder.")] = "tiny",
    device: Annotated[str, typer.Option(help="Torch device of the model: cpu, cuda, mps.")] = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes like this one.")] = 1,
    price: Annotated[float, typer.Option(min=0, help="Of a worker for an hour, in your currency.")] = 0.0,
    store: Annotated[str, typer.Option(help="Stored numbers: float32 or float16.")] = "float32",
) -> None:
    """Measure decoding and embedding here for some seconds, and say what 1e6, 1e8 and 1e10 images would take.

    Reading the images is not counted: see that the disk or network delivers them at the rate that is printed.
    """
    from clipmodel.errors import UserError
    from probes.embeddings.throughput import NUMBER_BYTES, measure

    if store not in NUMBER_BYTES:
        raise UserError(f"--store is {store!r}", remedy=f"use one of {', '.join(NUMBER_BYTES)}")
    rates, console = measure(model, device), terminal.out()
    console.print(
        f"measured here ({os.cpu_count()} cores, {device}): decoding {rates.decode:,.0f} images/s a thread, "
        f"embedding {rates.embed:,.0f} images/s with {model}, {rates.dim} dimensions",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    columns = ("images", "time", "worker hours", "cost", "disk", "images/s to read")
    rows = [
        (
            f"{n:,}",
            time_text(rates.seconds(n, workers)),
            f"{rates.seconds(n, 1) / 3600:,.1f}",
            f"{rates.seconds(n, 1) / 3600 * price:,.2f}" if price else "-",
            size_text(rates.stored_bytes(n, store)),
            f"{n / rates.seconds(n, workers):,.0f}",
        )
        for n in SIZES
    ]
    terminal.print_table(console, f"With {workers:,} workers", columns, rows)


def time_text(seconds: float) -> str:
    """Seconds as minutes, hours or days, such as "3.5 days"."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.0f} seconds"
