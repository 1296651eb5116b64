"""Models with bias planted by thinning, and controls: trained from their first step, measured, discarded.

The bundled model cannot be made to forget: trained on for a hundred steps without a judge of dark skin, it
still names those it has seen. So each model is trained whole, on a smaller scale: 32 px, people and their
skin tones only.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from audit.commands.train import parquet_files
from clipmodel.atomic_files import replace_file
from clipmodel.progress import Progress

if TYPE_CHECKING:
    from clipmodel.loading import EmbeddingModel
    from probes.datasets.demographic_dataset import DemographicDataset

MODEL: Final[dict[str, Any]] = {
    "embed_dim": 32,
    "vision": {"kind": "vit", "image_size": 32, "patch_size": 8, "width": 48, "layers": 2, "heads": 2},
    "text": {"context_length": 16, "vocab_size": 300, "width": 32, "layers": 1, "heads": 2},
    "activation": "gelu",
}
TEMPLATES: Final = (
    "{a} person with {skin_tone} skin",
    "{a} {noun} with {skin_tone} skin",
    "{a} {noun}",
    "{a} {category}",
)
BATCH_SIZE, PEAK_LEARNING_RATE = 64, 3e-3


@dataclass(frozen=True)
class Trained:
    """One model to train: the skin tone that loses images, their share, and the seed."""

    planted: str
    strength: float
    seed: int

    @property
    def name(self) -> str:
        return f"{self.planted or 'control'}-{self.strength:g}-{self.seed}"


def plans(
    tones: Sequence[str], *, controls: int, planted: int, strengths: Sequence[float]
) -> Iterator[Trained]:
    """Controls, then for each strength the planted models, through the tones in turn; all seeds differ."""
    yield from (Trained("", 0.0, seed) for seed in range(controls))
    for block, strength in enumerate(strengths, start=1):
        for number in range(planted):
            # Seeds of each strength begin at a thousand of their own, so that no two models share one.
            yield Trained(tones[number % len(tones)], strength, 1000 * block + number)


def measure_all(
    folder: Path,
    *,
    controls: int,
    planted: int,
    strengths: list[float],
    steps: int,
    progress: Progress,
) -> pd.DataFrame:
    """Train and measure what is not there yet; the values of all models, a row per model and skin tone.

    Of a model only its values are kept, in `folder`, so that an interrupted run resumes with the next model.
    """
    from probes.datasets.emoji import EmojiDataset

    dataset = EmojiDataset()
    rows = _held_out(dataset.frame)
    tones = list(dataset.levels("skin_tone"))
    wanted = list(plans(tones, controls=controls, planted=planted, strengths=strengths))
    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    for number, plan in enumerate(wanted, start=1):
        path = folder / f"{plan.name}.parquet"
        if not path.is_file():
            # One folder for all: a model that was interrupted is trained anew from its first step.
            scratch = folder / "training"
            shutil.rmtree(scratch, ignore_errors=True)
            model = _train(plan, tones, steps=steps, out=scratch)
            values = _values(model, dataset, rows, tones, scratch)
            values.insert(0, "model", plan.name)
            values = values.assign(planted=plan.planted, strength=plan.strength)
            replace_file(path, partial(values.to_parquet, index=False))
            shutil.rmtree(scratch, ignore_errors=True)
        tables.append(pd.read_parquet(path))
        progress("models", number, len(wanted))
    return pd.concat(tables, ignore_index=True)


def _train(plan: Trained, tones: Sequence[str], *, steps: int, out: Path) -> EmbeddingModel:
    from clipmodel.training.loop import train
    from clipmodel.training.recipe import Recipe, load_recipe

    tiny: dict[str, Any] = load_recipe("tiny").model_dump(mode="json", exclude_unset=True)
    captions = tiny["data"]["captions"] | {"templates": [{"text": text} for text in TEMPLATES]}
    data: dict[str, Any] = {
        "source": "emoji",
        "where": {"split": ["train"], "category": ["person"], "skin_tone": list(tones)},
        "captions": captions,
    }
    if plan.planted:
        where = {"skin_tone": [plan.planted]}
        data["thin"] = [{"where": where, "strength": plan.strength, "seed": plan.seed}]
    recipe = Recipe.model_validate(
        {
            "recipe": "planted", "description": "a model for calibration", "launch": "", "expect": "",
            "steps": steps, "batch_size": BATCH_SIZE, "save_every": steps, "model": MODEL,
            "tokenizer": {"vocab_size": 300, "passes": 1}, "data": data,
            "optim": {"peak_learning_rate": PEAK_LEARNING_RATE, "warmup_steps": max(1, steps // 10)},
        }
    )  # fmt: skip
    return train(recipe, out=out, seed=plan.seed, resolve=parquet_files)


def _held_out(frame: pd.DataFrame) -> np.ndarray:
    """Images of people outside the training split, of families trained on, that show a skin tone."""
    shown = (
        frame["visible_skin_tone"].astype(bool) & frame["skin_tone"].notna() & (frame["category"] == "person")
    )
    return np.flatnonzero(shown & frame["split"].isin(["validation", "held_out_combination"]))


def _values(
    model: EmbeddingModel, dataset: DemographicDataset, rows: np.ndarray, tones: Sequence[str], scratch: Path
) -> pd.DataFrame:
    """One row per skin tone: group, n, and value, the mean log-probability of the right tone."""
    from probes.embeddings.embed import EmbeddingStore, embed_dataset, embed_texts

    store = EmbeddingStore(scratch / "store")
    images = embed_dataset(model, dataset, rows, store=store)
    texts = embed_texts(model, [f"a person with {tone} skin" for tone in tones], store=store)
    logits = float(model.logit_scale) * images.embeddings.astype(float) @ texts.T.astype(float)
    # Log-probabilities in 64 bits: those of a well-trained model are near 0.
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    truth = pd.Index(tones).get_indexer(pd.Index(dataset.frame["skin_tone"].iloc[images.rows]))
    right = log_p[np.arange(len(truth)), truth]
    n = np.bincount(truth, minlength=len(tones))
    return pd.DataFrame({"group": list(tones), "n": n, "value": np.bincount(truth, right, len(tones)) / n})
