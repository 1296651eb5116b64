"""`clip-audit train new`: a commented recipe for data of one's own, from a shipped one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from audit.commands.console import terminal
from clipmodel.errors import UserError

TEMPLATE = "small"
EPILOG = (
    "Examples:  clip-audit train new my.yaml --data captions.csv  ·  "
    "clip-audit train new my.yaml --data captions.csv --epochs 10 --audit quickstart"
)
LARGEST_BATCH, BATCHES_AN_EPOCH, WARMUP_SHARE = 512, 8, 10


def new(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to write.")],
    *,
    data: Annotated[
        str | None,
        typer.Option(metavar="CSV", help="Your table, with a column of image paths and one of captions."),
    ] = None,
    template: Annotated[str, typer.Option("--from", help="The shipped recipe to begin with.")] = TEMPLATE,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the data.", show_default="the template's")
    ] = None,
    audit: Annotated[
        str | None, typer.Option(metavar="SUITE", help="A suite to ask every epoch.", show_default="none")
    ] = None,
) -> None:
    """Write a commented recipe for a table of your own; batch and warm-up follow from its size."""
    from clipmodel.training.recipe import Recipe, load_recipe, shipped_recipes
    from clipmodel.yaml_models import closest

    if path.exists():
        raise UserError(f"{path}: already there", remedy="name a new file")
    shipped = shipped_recipes()
    if template not in shipped:
        raise UserError(f"no recipe named {template!r}", remedy=closest(template, list(shipped)))
    text = _renamed(shipped[template].read_text(encoding="utf-8"), path)
    if data is not None:
        text = _on_table(text, _table(Path(data)), epochs=epochs)
    elif epochs is not None:
        text = _in_epochs(text, epochs)
    if audit is not None:
        text += f"\naudit: {{suite: {json.dumps(audit)}, every: 1 epoch}}\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror})", remedy="name another file"
        ) from error
    try:
        recipe: Recipe = load_recipe(str(path))
    except UserError as error:
        raise UserError(f"{error.message}\n{path} was written", remedy="edit it there") from error
    steps = f"{recipe.steps:,} steps of {recipe.batch_size:,} pairs"
    terminal.out().print(
        f"Wrote {path}: {steps}\nNext:  clip-audit train {path}", soft_wrap=True, markup=False
    )


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a recipe needs of a table: where it is, its columns, and how many images it names."""

    path: Path
    image: str
    caption: str
    n_images: int


def _table(path: Path) -> Table:
    from clipmodel.training.data.sources.field_names import CAPTION_COLUMNS, IMAGE_COLUMNS, choose_column
    from probes.datasets.annotation_tables import read_table

    table = read_table(path)
    names = [str(name) for name in table.columns]
    image = choose_column(None, names, usual=IMAGE_COLUMNS, what="image", source=str(path))
    caption = choose_column(None, names, usual=CAPTION_COLUMNS, what="caption", source=str(path))
    return Table(path=path, image=image, caption=caption, n_images=int(table[image].nunique()))


def _on_table(text: str, table: Table, *, epochs: int | None) -> str:
    """The recipe with the table as its data, and a batch that a small table fills several times."""
    batch = LARGEST_BATCH
    while batch > 2 and batch * BATCHES_AN_EPOCH > table.n_images:
        batch //= 2
    found = re.search(r"^epochs: (\d+)", text, re.MULTILINE)
    passes = epochs or (int(found[1]) if found else 1)
    steps = max(1, passes * table.n_images // batch)
    own = {
        "source": json.dumps(str(table.path), ensure_ascii=False),
        "samples": table.n_images, "batch_size": batch, "epochs": passes,
        "accumulate": 4 if batch >= 4 * BATCHES_AN_EPOCH else 1,
        # At least four checkpoints a run, so that a kill costs a quarter of a short run at most.
        "save_every": max(1, min(200, steps // 4)),
        "warmup_steps": min(500, steps // WARMUP_SHARE),
    }  # fmt: skip
    for key, value in own.items():
        text = _with_value(text, key, value)
    return text


def _in_epochs(text: str, epochs: int) -> str:
    """The recipe with other passes over its own data, the warm-up no more than a tenth of them."""
    import yaml

    text = _with_value(text, "epochs", epochs)
    asked = yaml.safe_load(text)
    samples = asked.get("data", {}).get("samples")
    if samples is None:
        return text
    most = max(1, epochs * samples // asked["batch_size"] // WARMUP_SHARE)
    return _with_value(text, "warmup_steps", most) if asked["optim"]["warmup_steps"] > most else text


def _with_value(text: str, key: str, value: object) -> str:
    """The recipe with one value changed, its comments kept; a key that it lacks is refused."""
    # On the text, not through a YAML writer, which would drop the comments of the recipe.
    pattern = rf"((?:^|[ {{,]){key}: )([^,}}#\n]*[^,}}#\n ])"
    changed, n = re.subn(pattern, lambda match: match[1] + str(value), text, count=1, flags=re.MULTILINE)
    if not n:
        raise UserError(
            f"the recipe has no {key!r} to set", remedy=f"begin with --from {TEMPLATE}, or edit the file"
        )
    return changed


def _renamed(text: str, path: Path) -> str:
    """The recipe under the name of its file, without what is said of the shipped one at its top."""
    lines = text.splitlines()
    seed = next(place for place, line in enumerate(lines) if line.startswith("seed:"))
    top = [line for line in lines[:seed] if not line.startswith("#")]
    expect = next((place for place, line in enumerate(top) if line.startswith("expect:")), len(top))
    lines = [*top[:expect], "expect: not measured yet", *lines[seed:]]
    head = f"# A recipe for clip-audit train {path.name}; `clip-audit train schema` has every key.\n"
    body = _with_value("\n".join(lines) + "\n", "recipe", json.dumps(path.stem, ensure_ascii=False))
    return head + _with_value(body, "launch", f"clip-audit train {path.name}")
