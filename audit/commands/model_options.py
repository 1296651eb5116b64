"""What may have to be said of a file of weights beside its name; the same options in every command."""

from __future__ import annotations

from typing import Annotated, TypedDict

import typer

from clipmodel.checkpoints import Preprocessing, Weights
from clipmodel.config import Activation

MODEL_HELP = (
    "A bundled model, a folder or file of weights, hf:NAME, open_clip:ARCHITECTURE/TAG, local-dir:FOLDER, "
    "or MODULE:FACTORY of your own."
)
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
