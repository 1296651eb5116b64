"""The recipe file: everything that decides what a training run produces, validated when it is read."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, model_validator

from clipmodel.config import MAX_LOGIT_SCALE, NAMED_CONFIGS, CLIPConfig
from clipmodel.training.callbacks import Every
from clipmodel.training.data.resampling import RepeatRecipe, ThinRecipe
from clipmodel.training.data.row_balance import CapRecipe, ReweighRecipe
from clipmodel.yaml_models import Problem, StrictModel, problems_found, read_yaml_model

Tracker = Literal["tensorboard", "wandb"]
CLIP_VOCAB_SIZE = 49_408
RECIPES = Path(__file__).parent / "recipes"
# How the numbers are computed, not which: a run may resume with others. `loss` follows from model.logit_bias.
MEANS = {"loss", "loss_split", "accumulate", "gradient_checkpointing", "compile_blocks", "sharded"}
# What callbacks do, and how often; it changes no number either.
CALLBACK_KEYS = {"save_every", "log", "validation", "audit"}
# Of data.loading: the position in the data says how many substreams there are.
LOADING_MEANS = {"substreams", "workers", "prefetch", "max_skipped"}
STREAMING = ("format", "image", "caption", "separator", "image_root", "crop", "loading")


class TokenizerRecipe(StrictModel):
    """A byte-pair vocabulary learned from the training captions."""

    # 256 bytes, the two special tokens, and some merges.
    vocab_size: int = Field(ge=300, description="tokens, the start and end of text included")
    passes: int = Field(5, ge=1, description="captions drawn from each row to learn from")


class TemplateRecipe(StrictModel):
    """One way to caption a row; see clipmodel/training/data/caption_templates.py."""

    text: str
    when: dict[str, str] = Field({}, description="values the row must have")
    weight: float = Field(1.0, gt=0)
    any_colour: bool = Field(False, description="says nothing of colour: see augment.recolour")


class DerivedValue(StrictModel):
    value: str
    when: dict[str, str]


class CaptionRecipe(StrictModel):
    templates: list[TemplateRecipe] = Field(min_length=1)
    derive: dict[str, list[DerivedValue]] = Field(
        {}, description="new columns: the value of the first rule whose conditions a row meets"
    )
    only_where: dict[str, str] = Field(
        {}, description="column: flag column; where the flag is false the column states nothing"
    )


class AugmentRecipe(StrictModel):
    """Random geometry and light an image, uniform in the ranges; the border's colour fills what comes in."""

    earlier: ClassVar[dict[str, str]] = {"coarse": "downscale"}

    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = Field(0.0, ge=0, le=0.5, description="of the side, in each direction")
    rotate_degrees: float = Field(0.0, ge=0, le=180)
    flip: bool = Field(False, description="mirror half of the images")
    tint: float = Field(
        0.0, ge=0, lt=1, description="each colour channel is dimmed by up to this share, as by coloured light"
    )
    recolour: float = Field(
        0.0,
        ge=0,
        description="standard deviation of the random colour matrix, for captions with any_colour",
    )
    downscale: float = Field(0.0, ge=0, le=1, description="share of images shrunk to half and enlarged again")


class CropRecipe(StrictModel):
    """Which square of a streamed image is seen."""

    kind: Literal["random", "resized", "centre"] = Field(
        "random",
        description="random: a square of the image resized by its short side, as in the paper; resized: a "
        "rectangle of random area and shape (3:4 to 4:3), made square; centre: as for inference",
    )
    area: tuple[float, float] = Field((0.9, 1.0), description="of the image, where kind is resized")


class LoadingRecipe(StrictModel):
    """How streamed pairs are read; see clipmodel/training/data/sources/."""

    earlier: ClassVar[dict[str, str]] = {"lanes": "substreams"}

    shuffle: int = Field(
        1024,
        ge=1,
        description="samples of a substream that are read and shuffled at a time (tar and parquet shards)",
    )
    substreams: int | None = Field(
        None,
        ge=1,
        description="streams that a batch is filled from: a divisor of batch_size and a multiple of the "
        "processes. None: one for each loader worker of each process. With a number, batches do not depend "
        "on those",
    )
    workers: int = Field(2, ge=0, description="loader processes of each process; 0: none but itself")
    prefetch: int = Field(4, ge=1, description="batches each worker prepares ahead")
    max_skipped: float = Field(
        0.01,
        ge=0,
        description="of samples that cannot be used: below 1 their share (of at least 1,000, and of at "
        "least 100 shards), else their number; more stop the run. Each process counts its own",
    )


class DataRecipe(StrictModel):
    """Rows of a table in memory, captioned by templates; or, without `captions`, pairs that are streamed."""

    source: str | list[str] = Field(
        description="with `captions`, a name the caller resolves, such as 'emoji', or a parquet file. Else "
        "tar or parquet shards, CSV or TSV, or a folder: paths, URLs, pipe: commands, with {000..099} and *"
    )
    samples: int | None = Field(None, ge=1, description="pairs there are, for `epochs`")
    where: dict[str, list[str]] = Field({}, description="column: values kept")
    thin: list[ThinRecipe] = Field([], description="bias on purpose: see data/resampling.py")
    repeat: list[RepeatRecipe] = Field([], description="rows that are seen several times a pass")
    cap: list[CapRecipe] = Field([], description="most rows of each combination: see data/row_balance.py")
    reweigh: ReweighRecipe | None = Field(None, description="columns made independent of each other")
    captions: CaptionRecipe | None = None
    augment: AugmentRecipe = AugmentRecipe()
    format: Literal["tar", "parquet", "table", "folder"] | None = Field(
        None, description="of streamed data; None: by the name"
    )
    image: str | None = Field(None, description="column or kind of tar member; None: the usual names")
    caption: str | None = Field(
        None, description="column, kind of tar member, or key of a JSON member; None: the usual names"
    )
    separator: str | None = Field(None, min_length=1, max_length=1, description="of a CSV; None: found out")
    image_root: str | None = Field(None, description="folder of a table's images; None: the table's own")
    crop: CropRecipe = CropRecipe()
    loading: LoadingRecipe = LoadingRecipe()

    @model_validator(mode="after")
    def _one_way(self) -> DataRecipe:
        of_tables = ("where", "thin", "cap", "reweigh", "repeat")
        if self.captions is None and any(getattr(self, name) for name in of_tables):
            raise ValueError(
                "`where`, `thin`, `cap`, `reweigh` and `repeat` need `captions`, for tables in memory"
            )
        given = [name for name in STREAMING if getattr(self, name) != type(self).model_fields[name].default]
        if self.captions is not None and given:
            raise ValueError(f"`{given[0]}` is for streamed data, without `captions`")
        if self.captions is not None and not isinstance(self.source, str):
            raise ValueError("with `captions` the source is one name")
        return self


class ValidationRecipe(StrictModel):
    """Zero-shot accuracy and retrieval on held-out rows; see evaluators/zero_shot_and_retrieval.py."""

    source: str | list[str] | None = Field(
        None, description="as data.source; None: the same, of a table in memory"
    )
    where: dict[str, list[str]] = Field({}, description="column: values kept, of a table in memory")
    samples: int = Field(5000, ge=1, description="images at most, of a stream")
    every: Every = Field(description="such as '1 epoch' or '100 steps'; besides, after the last step")
    zero_shot: dict[str, list[str]] = Field(
        {},
        description="column: templates with {} for its values, which are the classes; of a stream the one "
        "column is caption, as in a table of paths and class names",
    )
    retrieval: bool = Field(True, description="recall at 1, 5 and 10, in both directions")
    captions_per_image: int = Field(2, ge=1, description="drawn by data.captions; a stream has its own")


class OptimRecipe(StrictModel):
    """AdamW with decoupled decay (not on gains and biases), warm-up, then a cosine to zero."""

    peak_learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    # The paper's table 18; betas and epsilon are those of its vision transformers.
    weight_decay: float = Field(0.2, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = Field(1e-6, gt=0)
    fused: bool = Field(
        False, description="one pass over the weights a step: the same rule, rounded otherwise"
    )
    clip_gradient_norm: float | None = Field(None, gt=0)
    max_logit_scale: float = Field(
        MAX_LOGIT_SCALE,
        ge=1,
        le=MAX_LOGIT_SCALE,
        description="what the learned multiplier on similarities may reach: a lower one keeps a small data "
        "set from being learned by heart",
    )


class Recipe(StrictModel):
    """A training run. `launch` and `expect` are for people."""

    recipe: str
    description: str
    launch: str
    expect: str
    seed: int = 0
    steps: int = Field(ge=1, description="or `epochs`, from which it follows")
    epochs: float | None = Field(None, gt=0, description="passes over data.samples, instead of `steps`")
    batch_size: int = Field(ge=2)
    loss: Literal["softmax", "sigmoid"] = Field("softmax", description="sigmoid needs model.logit_bias")
    loss_chunk: int | None = Field(None, ge=1, description="rows of the loss at a time; None: all")
    loss_split: Literal["local", "global"] = Field(
        "local", description="what each process computes of the loss of all pairs: its images' rows, or all"
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="of the towers; weights and loss stay fp32"
    )
    accumulate: int = Field(
        1,
        ge=1,
        description="parts in which a process embeds its pairs, for batches that do not fit; exact but for "
        "batch norm, whose statistics are those of a part (and of a process)",
    )
    gradient_checkpointing: bool = Field(False, description="recompute blocks in the backward pass")
    compile_blocks: bool = Field(False, description="torch.compile every block of both towers")
    sharded: bool = Field(
        False, description="split weights and optimiser over the processes (FSDP2); else a copy each (DDP)"
    )
    save_every: int = Field(200, ge=1, description="steps between checkpoints")
    validation: ValidationRecipe | None = None
    audit: dict[str, Any] | None = Field(
        None, description="for the caller, who gives the loop an evaluator for it; not read here"
    )
    log: list[Tracker] = Field([], description="where figures go besides the tables in the run's folder")
    init: str | None = Field(
        None, description="start from a model, bundled or at a path: its weights and its tokenizer"
    )
    model: dict[str, Any] = Field(description="sizes, or the name of a published CLIP, such as ViT-B/32")
    tokenizer: TokenizerRecipe | Literal["clip"] | None = Field(
        None, description="without `init` only, which brings its own; clip: that of the published models"
    )
    data: DataRecipe
    optim: OptimRecipe

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, values: Any) -> Any:
        """A model's name becomes its sizes, epochs become steps."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if isinstance(name := values.get("model"), str):
            if name not in NAMED_CONFIGS:
                raise ValueError(f"model {name!r} is none of {', '.join(NAMED_CONFIGS)}")
            values["model"] = NAMED_CONFIGS[name].to_dict()
        if values.get("epochs") is not None:
            steps = _steps_of_epochs(values)
            if values.setdefault("steps", steps) != steps:
                raise ValueError(f"give steps or epochs: {values['epochs']} epochs are {steps} steps")
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        """Refuse what contradicts itself, all of it at once."""
        found = [*self._tokenizer_problems(), *self._validation_problems(), *self._number_problems()]
        if found:
            raise problems_found(found, title="recipe")
        return self

    def _tokenizer_problems(self) -> Iterator[Problem]:
        config, place = self.model_configuration, ("tokenizer",)
        if (self.init is None) == (self.tokenizer is None):
            message = "give either `tokenizer` or `init`, which brings a tokenizer with it"
            yield Problem(place, message, remedy="drop one of the two, or add `tokenizer: clip`")
        size = CLIP_VOCAB_SIZE if self.tokenizer == "clip" else getattr(self.tokenizer, "vocab_size", None)
        if size not in (None, config.text.vocab_size):
            message = f"model.text.vocab_size {config.text.vocab_size} and the tokenizer's {size} differ"
            yield Problem(("model", "text", "vocab_size"), message, remedy=f"write vocab_size: {size}")
        if self.data.captions is None and isinstance(self.tokenizer, TokenizerRecipe):
            yield Problem(
                place, "streamed data need `tokenizer: clip`, or `init`", remedy="write tokenizer: clip"
            )

    def _validation_problems(self) -> Iterator[Problem]:
        if self.data.captions is not None or self.validation is None:
            return
        if self.validation.source is None:
            message = "beside streamed data `validation` needs a source of its own"
            yield Problem(("validation",), message, remedy="add source: FILE with held-out pairs")
        if self.validation.where:
            message = "validation.where needs data.captions: it is for tables held in memory"
            yield Problem(("validation", "where"), message, remedy="drop it")

    def _number_problems(self) -> Iterator[Problem]:
        if (self.loss == "sigmoid") != self.model_configuration.logit_bias:
            needed = "true" if self.loss == "sigmoid" else "false"
            message = f"loss {self.loss} needs model.logit_bias: {needed}"
            yield Problem(("loss",), message, remedy=f"write logit_bias: {needed} under model")
        if self.batch_size % self.accumulate:
            message = f"batch_size {self.batch_size} does not divide by accumulate {self.accumulate}"
            yield Problem(("batch_size",), message, remedy="choose a multiple of accumulate")
        if self.optim.warmup_steps >= self.steps:
            message = f"optim.warmup_steps {self.optim.warmup_steps} must be below steps {self.steps}"
            yield Problem(("optim", "warmup_steps"), message, remedy=f"a tenth: {max(0, self.steps // 10)}")

    @property
    def model_configuration(self) -> CLIPConfig:
        return CLIPConfig.from_dict(self.model)

    @property
    def sha256(self) -> str:
        """The hash of what decides the numbers: a run is only continued under the recipe that began it."""
        # Without defaults, so that an option added later does not end the runs that lack it.
        exclude: dict[str, Any] = {
            **dict.fromkeys(MEANS | CALLBACK_KEYS, True),
            "data": {"loading": LOADING_MEANS},
        }
        values = self.model_dump(exclude=exclude, exclude_defaults=True)
        if not values["data"].get("loading"):
            values["data"].pop("loading", None)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _steps_of_epochs(values: dict[str, Any]) -> int:
    data = values.get("data")
    stated = data if isinstance(data, dict) else {}  # of another kind: the field's own check says so
    samples = data.samples if isinstance(data, DataRecipe) else stated.get("samples")
    batch_size, epochs = values.get("batch_size"), values["epochs"]
    if not samples:
        raise ValueError("`epochs` needs data.samples")
    numbers = (samples, batch_size, epochs)
    if not all(isinstance(value, int | float) and 0 < value < math.inf for value in numbers):
        raise ValueError("epochs, batch_size and data.samples must be numbers above zero")
    # Whole steps: what is left of the last epoch is too little for a batch.
    return max(1, int(epochs * samples / batch_size))


def shipped_recipes() -> dict[str, Path]:
    """Return the files of the shipped recipes by name."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}


RecipeT = TypeVar("RecipeT", bound=Recipe)


def load_recipe(name_or_path: str, schema: type[RecipeT] = Recipe) -> RecipeT:  # type: ignore[assignment]
    """Read a shipped recipe by name, or a YAML file by path.

    Parameters
    ----------
    schema
        `Recipe`, or what a caller made of it that knows what the recipe's `audit` holds.

    Raises
    ------
    UserError
        No such recipe, a key that is unknown or missing, an impossible value; the message names the
        file and the key.
    """
    shipped = shipped_recipes()
    path = shipped.get(name_or_path, Path(name_or_path))
    return read_yaml_model(path, schema, what="recipe", shipped=list(shipped))
