"""`clip-audit model`: what a model is."""

from __future__ import annotations

from typing import Annotated

import typer

from audit.commands import terminal

app = typer.Typer(no_args_is_help=True, help="What a model is.")


@app.command(epilog="Example:  clip-audit model show tiny")
def show(
    model: Annotated[str, typer.Argument(help="A bundled model by name, or a model folder.")] = "tiny",
) -> None:
    """Print a model's sizes, preprocessing and fingerprint."""
    from clipmodel.zoo import load_model

    loaded = load_model(model)
    config = loaded.clip.config
    towers = {"image tower": loaded.clip.visual, "text tower": loaded.clip.text}
    rows = {
        "name": loaded.name,
        "fingerprint": loaded.fingerprint,
        "preprocessing": loaded.preprocess_id,
        "embedding": f"{loaded.embed_dim} dimensions",
        "image size": f"{config.vision.image_size} px",
        "context": f"{config.text.context_length} tokens of {config.text.vocab_size}",
        "logit scale": f"{loaded.logit_scale:.2f}",
        "logit bias": "none (softmax)" if loaded.logit_bias is None else f"{loaded.logit_bias:.2f} (sigmoid)",
        **{
            name: f"{sum(p.numel() for p in tower.parameters()):,} parameters"
            for name, tower in towers.items()
        },
    }
    made = terminal.table("", "", "")
    made.show_header = False
    for name, value in rows.items():
        made.add_row(name, value)
    terminal.out().print(made)
