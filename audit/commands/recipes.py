"""`clip-audit train`: train by a recipe; write, list and read recipes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from audit.commands.console import terminal
from audit.commands.new_recipe import EPILOG as NEW_EPILOG
from audit.commands.new_recipe import new
from audit.commands.train import EPILOG, train

if TYPE_CHECKING:
    from clipmodel.training.recipe import Recipe

RUN = "run"


class TrainGroup(TyperGroup):
    """`train RECIPE` is short for `train run RECIPE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=TrainGroup,
    no_args_is_help=True,
    help="Train a CLIP by a recipe: train RECIPE. Write, list and read recipes.",
    epilog=EPILOG,
)
app.command(RUN, epilog=EPILOG)(train)
app.command(epilog=NEW_EPILOG)(new)

RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A shipped recipe by name, or a YAML file.")
]


@app.command("list", epilog="Example:  clip-audit train list")
def list_() -> None:
    """List the shipped recipes."""
    from clipmodel.training.recipe import load_recipe, shipped_recipes

    rows = []
    for name in shipped_recipes():
        recipe: Recipe = load_recipe(name)
        # The first sentence; "et al." ends none.
        first = re.split(r"(?<!\bal)\. ", " ".join(recipe.description.split()))[0].removesuffix(".")
        rows.append((name, first, f"{recipe.steps:,}", f"{recipe.batch_size:,}"))
    console = terminal.out()
    columns = ("recipe", "what it trains", "steps", "batch")
    terminal.print_table(console, "Shipped recipes", columns, rows, words=columns[:2])
    console.print(
        "\nsmall is the template for a CSV of images and captions of your own:\n"
        "clip-audit train new my.yaml --data captions.csv",
        soft_wrap=True,
    )


@app.command(epilog="Examples:  clip-audit train show small  ·  clip-audit train show my.yaml")
def show(recipe: RecipeArgument) -> None:
    """Check a recipe, and print what it trains, on what, and the file itself."""
    from audit.commands.composed.audit_evaluator import AuditedRecipe
    from clipmodel.training.recipe import load_recipe, shipped_recipes
    from clipmodel.yaml_documents import read_utf8

    plan = load_recipe(recipe, AuditedRecipe)
    console = terminal.out()
    for name, value in _facts(plan):
        console.print(f"{name:<11} {value}", soft_wrap=True, markup=False)
    typer.echo("\n" + read_utf8(shipped_recipes().get(recipe, Path(recipe))).rstrip())


def _facts(plan: Recipe) -> Iterator[tuple[str, str]]:
    config, data = plan.model_configuration, plan.data
    pairs = plan.steps * plan.batch_size
    yield "recipe", plan.recipe
    size = f"{config.vision.image_size} px, embedding of {config.embed_dim} dimensions"
    yield "model", f"{size}, loss {plan.loss}, precision {plan.precision}"
    source = data.source if isinstance(data.source, str) else ", ".join(data.source)
    yield "data", source + (f", {data.samples:,} images" if data.samples else "")
    yield "steps", f"{plan.steps:,} of {plan.batch_size:,} pairs: {pairs:,} pairs in all"
    yield "validation", "none" if plan.validation is None else _every(plan.validation.every)
    audit: Any = plan.audit
    yield "audit", "none" if audit is None else f"{audit.suite}, {_every(audit.every)}"


def _every(every: Any) -> str:
    return f"every {every.count} {every.unit}{'s' if every.count > 1 else ''}"


@app.command(epilog="Example:  clip-audit train schema > recipe.schema.json")
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    from audit.commands.composed.audit_evaluator import AuditedRecipe

    typer.echo(json.dumps(AuditedRecipe.model_json_schema(by_alias=True), indent=2))
