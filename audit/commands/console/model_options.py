"""Options on the model and where it runs: the same ones in every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypedDict

import typer

from clipmodel.checkpoints import Preprocessing, Weights
from clipmodel.config import Activation

MODEL_HELP = (
    "A bundled model, a folder or file of weights, hf:NAME, open_clip:ARCHITECTURE/TAG, local-dir:FOLDER, "
    "or MODULE:FACTORY of your own."
)
ModelOption = Annotated[
    str | None, typer.Option("--model", help=MODEL_HELP, show_default="tiny, or that of the embeddings")
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="Torch device of the model: cpu, cuda, cuda:1, mps.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder of the embeddings.", show_default="the user's cache folder"),
]
ActivationOption = Annotated[
    Activation | None,
    typer.Option(
        "--activation",
        help="Which one the model was trained with, for open_clip's files, which do not say.",
        show_default=False,
    ),
]
PreprocessOption = Annotated[
    Preprocessing | None,
    typer.Option(
        "--preprocess",
        help="'clip': images were preprocessed as in CLIP, for open_clip's files, which do not say.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    Weights | None,
    typer.Option(
        "--weights",
        help="Of a training checkpoint with two sets: the trained ones or their moving average.",
        show_default="plain",
    ),
]


class Told(TypedDict):
    """What `load_model` is told of a file that does not say it itself."""

    activation: Activation | None
    preprocess: Preprocessing | None
    weights: Weights | None


def spelled(told: Told) -> list[str]:
    """The options that were given, as they are written on a command line."""
    return [word for key, value in told.items() if value is not None for word in (f"--{key}", str(value))]
