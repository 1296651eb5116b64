"""`clip-audit embed`: images of any number to a folder of embeddings, which `run` audits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.commands.composed.precision import Decoding, Precision
from audit.commands.console import terminal
from clipmodel.errors import UserError
from clipmodel.plurals import number_of

if TYPE_CHECKING:
    from clipmodel.loading import EmbeddingModel
    from probes.datasets import DemographicDataset
    from probes.embeddings.engines import Workplace
    from probes.embeddings.folder import Job

PrecisionOption = Annotated[
    Precision, typer.Option(help="Arithmetic of the image tower; other than fp32 needs --suite.")
]
CompileOption = Annotated[bool, typer.Option("--compile", help="Compile the image tower; needs --suite.")]
DecodeOption = Annotated[
    Decoding, typer.Option(help="Decode large JPEG files whole, or at a smaller scale; scaled needs --suite.")
]
SuiteOption = Annotated[
    str | None,
    typer.Option(help="The suite whose conclusions must not change with --precision or --decode."),
]
ToleranceOption = Annotated[
    float, typer.Option(min=0, max=1, help="Largest change of a rate that they may cause.")
]
EPILOG = (
    "Examples:  clip-audit embed fairface:DATA --model clip.pt --out runs/embeddings  ·  "
    "clip-audit embed webdataset:SHARDS --engine ray --workers 8 --out DIR  ·  "
    "clip-audit run clip_paper --data embeddings:DIR"
)


class Engine(StrEnum):
    """Who embeds."""

    local = "local"
    ray = "ray"
    torchrun = "torchrun"


class StoredNumbers(StrEnum):
    """Of what precision the stored embeddings are."""

    float32 = "float32"
    float16 = "float16"


def embed(
    data: Annotated[str, typer.Argument(metavar="KIND:PATH", help="The images: emoji, or KIND:PATH.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the embeddings; a run that was cut off resumes.")],
    model: Annotated[str, typer.Option(help="A bundled model by name, or a model folder.")] = "tiny",
    engine: Annotated[
        Engine, typer.Option(help="This process; Ray Data; or torchrun on this machine.")
    ] = Engine.local,
    workers: Annotated[int, typer.Option(min=1, help="Processes of ray and torchrun.")] = 2,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each Ray worker.")] = 0,
    device: Annotated[str, typer.Option(help="Torch device of the model: cpu, cuda, mps.")] = "cpu",
    precision: PrecisionOption = Precision.fp32,
    compile: CompileOption = False,
    decode: DecodeOption = Decoding.whole,
    suite: SuiteOption = None,
    tolerance: ToleranceOption = 0.01,
    store: Annotated[
        StoredNumbers, typer.Option(help="Precision of the stored numbers.")
    ] = StoredNumbers.float32,
    part_images: Annotated[int, typer.Option(min=64, help="Images per file.")] = 8192,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Continue when many images in a row have no file.")
    ] = False,
) -> None:
    """Embed the images of a data set into a folder, in parts that are made once each.

    Run the same command again after a kill, a full disk or a lost worker: finished parts are kept. The bytes
    are the same for every engine on one kind of CPU.
    """
    from audit.commands.composed.precision import Reduced, deviation_notes, open_source

    reduced = Reduced(
        model=model, precision=precision.value, device=device, compiled=compile,
        scaled=decode == Decoding.scaled,
    )  # fmt: skip
    opener = partial(open_source, data, reduced)
    dataset, loaded = opener()
    notes = deviation_notes(dataset, reduced, suite=suite, tolerance=tolerance)
    if store == StoredNumbers.float16:
        # Half precision rounds each component by at most 2^-11 = 0.00049 of itself, and so, by Cauchy and
        # Schwarz, the cosine of two unit vectors.
        notes = [*notes, "Embeddings are stored with 16 bits: cosines are off by up to 0.0005."]
    from probes.embeddings.engines import Workplace
    from probes.embeddings.parts import prepare

    job = prepare(out, dataset, loaded, part_images=part_images, dtype=store.value, notes=notes)
    place = Workplace(folder=out, job=job, open=opener, allow_missing=allow_missing)
    told: dict[str, object] = {
        "out": out, "model": model, "device": device, "precision": precision, "decode": decode,
        "suite": suite, "tolerance": tolerance, "store": store, "part-images": part_images,
        "compile": compile, "allow-missing": allow_missing,
    }  # fmt: skip
    # torchrun starts this very command once for each process, with RANK set.
    if engine == Engine.torchrun and "RANK" in os.environ:
        _make_share(place)
        return
    _make_all(
        place, (dataset, loaded), engine=engine, workers=workers, gpus=gpus, command=_own_command(data, told)
    )
    _print_result(out, job)


def _own_command(data: str, told: Mapping[str, object]) -> list[str]:
    """This command with its options, as torchrun starts it in each of its processes."""
    words = ["-m", "audit.cli", "embed", data, "--engine", "torchrun"]
    for name, value in told.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            words += [f"--{name}", str(value)]
    return words


def _make_share(place: Workplace) -> None:
    """What one process of torchrun does."""
    from probes.embeddings.engines import share_of_rank
    from probes.embeddings.parts import unfinished_parts

    place.make(share_of_rank(unfinished_parts(place.folder, place.job), os.environ))


def _make_all(
    place: Workplace,
    opened: tuple[DemographicDataset, EmbeddingModel],
    *,
    engine: Engine,
    workers: int,
    gpus: float,
    command: list[str],
) -> None:
    from dataclasses import replace

    from probes.embeddings.engines import missing_after, run_ray, run_torchrun
    from probes.embeddings.parts import discard, remove_drafts, unfinished_parts

    numbers = unfinished_parts(place.folder, place.job)
    # What is left of unfinished parts goes first, so that no process finds a torn file.
    discard(place.folder, numbers)
    with terminal.progress_bars() as progress:
        if engine == Engine.ray:
            run_ray(place, numbers, workers=workers, gpus=gpus, progress=progress)
        elif engine == Engine.torchrun and numbers:
            run_torchrun(command, workers=workers)
        else:
            # Data and model are open already; other engines open them in each of their processes.
            replace(place, open=lambda: opened).make(numbers, progress)
    if left := missing_after(place):
        raise UserError(
            f"{place.folder}: {len(left):,} parts are not finished", remedy="run the same command again"
        )
    # Only now that every part is finished: a draft seen earlier may be another process's.
    remove_drafts(place.folder)


def _print_result(out: Path, job: Job) -> None:
    from probes.embeddings.parts import lost_by_group

    lost = lost_by_group(out, job)
    n_lost = int(lost.loc[lost["attribute"] == "(all)", "n"].sum())
    console = terminal.out()
    console.print(
        f"{job.n_images - n_lost:,} of {number_of(job.n_images, 'image')} embedded in "
        f"{number_of(job.n_parts, 'part')}: {out}",
        soft_wrap=True, markup=False,
    )  # fmt: skip
    columns = ("reason", "attribute", "value", "images")
    rows = [(str(r), str(a), str(v), f"{n:,}") for r, a, v, n in lost.itertuples(index=False)]
    terminal.print_table(console, "Unreadable images", columns, rows, words=columns[:3])
    for note in job.notes:
        console.print(note, soft_wrap=True, markup=False)
    console.print(f"Next:  clip-audit run SUITE --data embeddings:{out}", soft_wrap=True, markup=False)
