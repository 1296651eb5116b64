"""Small models with a planted gap, and the same training with each remedy, for the study of mitigations.

Women with darker skin and men with lighter skin are left out of the training data of the embedded emoji
(`data.thin`), so that a model can tell women from men by skin. Of each model the embeddings of images of
families that it was not trained on are kept, as a file that every command reads (`--data embeddings:FILE`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit.commands.composed.planted_models import BATCH_SIZE, MODEL, PEAK_LEARNING_RATE
from audit.commands.train import parquet_files
from clipmodel.atomic_files import replace_file
from clipmodel.loading import LoadedModel
from clipmodel.training.loop import train
from clipmodel.training.recipe import Recipe, load_recipe
from probes.datasets.emoji import EmojiDataset
from probes.embeddings.embed import EmbeddingStore, embed_dataset, embed_texts

STRENGTH = 0.9  # share of the images of the rare combinations that is left out
STEPS = 150
DARKER, LIGHTER = ["medium-dark", "dark"], ["light", "medium-light"]
RARE = ({"gender": ["woman"], "skin_tone": DARKER}, {"gender": ["man"], "skin_tone": LIGHTER})
THIN = [{"where": where, "strength": STRENGTH, "seed": 0} for where in RARE]
BY = ["gender", "skin_tone"]
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "planted": {"thin": THIN},
    "another seed": {"thin": THIN},
    "all images": {},
    "repeat": {"thin": THIN, "repeat": [{"where": where, "times": 10} for where in RARE]},
    "cap": {"thin": THIN, "cap": [{"by": BY, "most": 30}]},
    "reweigh": {"thin": THIN, "reweigh": {"by": BY}},
}
"""Training data of each model; "another seed" changes nothing else."""
TEMPLATES = (
    "{a} {noun}",
    "{a} {noun} with {skin_tone} skin",
    "{a} person with {skin_tone} skin",
)
PROMPTS = (
    "a woman", "a man", "a person with light skin", "a person with dark skin", "light", "dark", "lighter",
    "darker",
)  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """One model: how it is trained, and the number of its repetition."""

    variant: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.variant.replace(' ', '-')}-{self.number}"

    @property
    def seed(self) -> int:
        return self.number + (10_000 if self.variant == "another seed" else 0)


def plans(repetitions: int) -> Iterator[Trained]:
    """Whole repetitions one after the other, so that a study that is ended early is one of fewer."""
    for number in range(repetitions):
        yield from (Trained(variant, number) for variant in VARIANTS)


def train_missing(folder: Path, *, repetitions: int, seconds: float) -> int:
    """Train what is not there yet, for at most so many seconds; how many models are still missing."""
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    missing = [plan for plan in plans(repetitions) if not embeddings_of(folder, plan).is_file()]
    for place, plan in enumerate(missing):
        if place and time.monotonic() - started > seconds:
            return len(missing) - place
        scratch = folder / f"training-{plan.name}"
        shutil.rmtree(scratch, ignore_errors=True)
        model = train(recipe_of(plan), out=scratch, seed=plan.seed, resolve=parquet_files)
        _keep(model, scratch, folder / plan.name)
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def embeddings_of(folder: Path, plan: Trained) -> Path:
    """The file of embeddings of a model; it is written last."""
    return folder / plan.name / "embeddings.npz"


def recipe_of(plan: Trained) -> Recipe:
    """The recipe of a model: people of a gender and a skin tone, at 32 px."""
    tiny: dict[str, Any] = load_recipe("tiny").model_dump(mode="json", exclude_unset=True)
    captions = tiny["data"]["captions"] | {"templates": [{"text": text} for text in TEMPLATES]}
    where = {
        "split": ["train"], "category": ["person"], "gender": ["woman", "man"],
        "skin_tone": [*LIGHTER, "medium", *DARKER],
    }  # fmt: skip
    return Recipe.model_validate(
        {
            "recipe": plan.name, "description": "a model of the study of mitigations", "launch": "",
            "expect": "", "steps": STEPS, "batch_size": BATCH_SIZE, "save_every": STEPS, "model": MODEL,
            "tokenizer": {"vocab_size": 300, "passes": 1},
            "data": {"source": "emoji", "where": where, "captions": captions, **VARIANTS[plan.variant]},
            "optim": {"peak_learning_rate": PEAK_LEARNING_RATE, "warmup_steps": STEPS // 10},
        }
    )  # fmt: skip


@cache
def measured_images() -> tuple[EmojiDataset, pd.DataFrame]:
    """The data set, and the images that the models are asked about, with the columns tone and rare."""
    dataset = EmojiDataset()
    frame = dataset.frame
    shown = (frame["category"] == "person") & (frame["split"] == "held_out_family")
    shown &= frame["visible_gender"].astype(bool) & frame["visible_skin_tone"].astype(bool)
    shown &= frame["gender"].isin(["woman", "man"]) & frame["skin_tone"].isin([*LIGHTER, *DARKER])
    chosen = frame[shown.to_numpy()]
    darker = chosen["skin_tone"].isin(DARKER)
    rare = darker == (chosen["gender"] == "woman")
    chosen = chosen.assign(
        row=np.flatnonzero(shown), tone=np.where(darker, "darker", "lighter"),
        rare=np.where(rare, "rare", "common"),
    )  # fmt: skip
    return dataset, chosen


def _keep(model: LoadedModel, scratch: Path, folder: Path) -> None:
    """Keep the embeddings, and the model for methods that need its text tower."""
    dataset, chosen = measured_images()
    store = EmbeddingStore(scratch / "store")
    images = embed_dataset(model, dataset, chosen["row"].to_numpy(), store=store)
    assert len(images.rows) == len(chosen), "every emoji can be read"
    arrays = {
        "image": images.embeddings, "text": embed_texts(model, PROMPTS, store=store),
        "text_name": np.array(PROMPTS), "logit_scale": np.array(float(model.logit_scale)),
        "model": np.array(folder.name),
        **{name: chosen[name].to_numpy(dtype=str) for name in ("gender", "tone", "rare")},
        "person": chosen["drawing_id"].to_numpy(dtype=str),
    }  # fmt: skip
    model.save(folder / "model")
    replace_file(folder / "embeddings.npz", lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
