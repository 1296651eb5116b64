"""`clip-audit model`: what a model is, and its weights in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.commands.console import terminal
from audit.commands.console.model_options import MODEL_HELP, ActivationOption, PreprocessOption, WeightsOption
from clipmodel.checkpoints import Format

app = typer.Typer(no_args_is_help=True, help="What a model is; its weights in another format.")


KINDS = (
    ("FOLDER or FILE", "what clip-audit train, transformers or open_clip wrote; a file of OpenAI's weights"),
    ("hf:NAME", "a model of the Hugging Face hub, such as hf:openai/clip-vit-base-patch32"),
    ("open_clip:ARCH/TAG", "a model of open_clip, such as open_clip:ViT-B-32/laion2b_s34b_b79k"),
    ("MODULE:FACTORY", "a model of your own; examples/own_model.py is one"),
)
"""What --model can name besides a bundled model."""


@app.command("list", epilog="Example:  clip-audit model list")
def list_() -> None:
    """List the models in the package, what else --model can name, and the published sizes that train."""
    from clipmodel.config import NAMED_CONFIGS
    from clipmodel.loading import BUNDLED

    console = terminal.out()
    rows = [
        *((name, "bundled: trained on the embedded emoji, for trying things out") for name in BUNDLED),
        *KINDS,
    ]
    terminal.print_table(console, "Models", ("--model", "what it is"), rows, words={"--model", "what it is"})
    sizes = ", ".join(NAMED_CONFIGS)
    console.print(f"\nPublished sizes that a recipe can train: {sizes}", markup=False)
    console.print("What a model is: clip-audit model show MODEL", soft_wrap=True)


@app.command(epilog="Example:  clip-audit model show tiny")
def show(
    model: Annotated[str, typer.Argument(help=MODEL_HELP)] = "tiny",
    activation: ActivationOption = None,
    preprocess: PreprocessOption = None,
    weights: WeightsOption = None,
) -> None:
    """Print a model's sizes, preprocessing and fingerprint."""
    from clipmodel.inputs.preprocess import PIPELINES
    from clipmodel.loading import LoadedModel, load_model

    loaded = load_model(model, activation=activation, preprocess=preprocess, weights=weights)
    rows = {
        "name": loaded.name,
        "fingerprint": loaded.fingerprint,
        "preprocessing": loaded.preprocess_id,
        "embedding": f"{loaded.embed_dim} dimensions",
        "logit scale": f"{loaded.logit_scale:.2f}",
        "logit bias": "none (softmax)" if loaded.logit_bias is None else f"{loaded.logit_bias:.2f} (sigmoid)",
    }
    if note := getattr(loaded, "note", ""):
        rows["note"] = note
    if isinstance(loaded, LoadedModel):
        rows["other modes"] = PIPELINES[loaded.preprocessor.pipeline]
        config = loaded.clip.config
        rows["image size"] = f"{config.vision.image_size} px"
        rows["context"] = f"{config.text.context_length} tokens of {config.text.vocab_size}"
        rows["activation"] = config.activation
        for name, tower in (("image tower", loaded.clip.visual), ("text tower", loaded.clip.text)):
            rows[name] = f"{sum(p.numel() for p in tower.parameters()):,} parameters"
    console = terminal.out()
    for name, value in rows.items():
        console.print(f"{name:<13}  {value}", soft_wrap=True, markup=False)


@app.command(epilog="Example:  clip-audit model convert ViT-B-32.pt vit-b-32 --to transformers")
def convert(
    source: Annotated[
        str,
        typer.Argument(help="A folder, a file of OpenAI's or open_clip's, or hf:NAME.", show_default=False),
    ],
    target: Annotated[
        Path, typer.Argument(help="A new file (openai, open_clip) or folder.", show_default=False)
    ],
    to: Annotated[Format, typer.Option(help="The format to write.", show_default=False)],
    activation: ActivationOption = None,
    preprocess: PreprocessOption = None,
    weights: WeightsOption = None,
) -> None:
    """Write a model's weights in another format; the values stay exactly the same."""
    from clipmodel.checkpoints.write import convert_checkpoint
    from clipmodel.loading import model_path

    checkpoint = convert_checkpoint(
        model_path(source), target, to=to, activation=activation, preprocess=preprocess, weights=weights
    )
    count = sum(tensor.numel() for tensor in checkpoint.weights.values())
    text = f"{target}: {count:,} values, {checkpoint.format} -> {to}"
    terminal.out().print(text, soft_wrap=True, markup=False)
