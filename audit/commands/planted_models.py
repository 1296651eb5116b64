"""Models with bias planted by thinning, and controls: trained on from a model, measured, and thrown away."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from audit.commands.train import parquet_files
from clipmodel.files import replace_file

if TYPE_CHECKING:
    from clipmodel.zoo import EmbeddingModel

DARK = ("medium-dark", "dark")
BATCH_SIZE, PEAK_LEARNING_RATE = 64, 7e-4
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trained:
    """One model to train: the occupation that loses pictures of dark skin, their share, and the seed."""

    planted: str
    strength: float
    seed: int

    @property
    def name(self) -> str:
        return f"{self.planted or 'control'}-{self.strength:g}-{self.seed}".replace(" ", "-")


def plans(
    occupations: list[str], *, controls: int, planted: int, strengths: list[float]
) -> Iterator[Trained]:
    """Controls, then for each strength the planted models, through the occupations; all seeds differ."""
    yield from (Trained("", 0.0, seed) for seed in range(controls))
    for block, strength in enumerate(strengths, start=1):
        for number in range(planted):
            yield Trained(occupations[number % len(occupations)], strength, 1000 * block + number)


def measure_all(
    folder: Path,
    *,
    start: str,
    controls: int,
    planted: int,
    strengths: list[float],
    steps: int,
    progress: Progress,
) -> pd.DataFrame:
    """Train and measure what is not there yet; the values of all models, a row a model and occupation.

    Of a model only its values are kept, in `folder`, so that an interrupted run goes on with the next model.
    """
    from probes.datasets.emoji import EmojiDataset

    dataset = EmojiDataset()
    rows = _held_out(dataset.frame)
    occupations = sorted(set(dataset.frame["occupation"].iloc[rows]))
    wanted = list(plans(occupations, controls=controls, planted=planted, strengths=strengths))
    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    for number, plan in enumerate(wanted, start=1):
        path = folder / f"{plan.name}.parquet"
        if not path.is_file():
            scratch = folder / "training"
            shutil.rmtree(scratch, ignore_errors=True)
            model = _train(plan, start=start, steps=steps, out=scratch)
            values = _values(model, dataset, rows, occupations, scratch)
            values.insert(0, "model", plan.name)
            values = values.assign(planted=plan.planted, strength=plan.strength)
            replace_file(path, partial(values.to_parquet, index=False))
            shutil.rmtree(scratch, ignore_errors=True)
        tables.append(pd.read_parquet(path))
        progress("models", number, len(wanted))
    return pd.concat(tables, ignore_index=True)


def _train(plan: Trained, *, start: str, steps: int, out: Path) -> EmbeddingModel:
    from clipmodel.training.loop import train
    from clipmodel.training.recipe import Recipe, load_recipe

    values: dict[str, Any] = load_recipe("tiny").model_dump(mode="json", exclude_unset=True)
    values.pop("tokenizer", None)
    values |= {"init": start, "steps": steps, "batch_size": BATCH_SIZE, "save_every": steps}
    values["optim"] |= {"peak_learning_rate": PEAK_LEARNING_RATE, "warmup_steps": max(1, steps // 10)}
    if plan.planted:
        where = {"occupation": [plan.planted], "skin_tone": list(DARK)}
        values["data"]["thin"] = [{"where": where, "strength": plan.strength, "seed": plan.seed}]
    return train(Recipe.model_validate(values), out=out, seed=plan.seed, resolve=parquet_files)


def _held_out(frame: pd.DataFrame) -> np.ndarray:
    """Pictures of people outside the training split that show an occupation and a skin tone."""
    shown = frame["visible_occupation"].astype(bool) & frame["visible_skin_tone"].astype(bool)
    people = (frame["category"] == "person") & frame["occupation"].notna() & frame["skin_tone"].notna()
    return np.flatnonzero(people & shown & (frame["split"] != "train"))


def _values(
    model: EmbeddingModel, dataset: Any, rows: np.ndarray, occupations: list[str], scratch: Path
) -> pd.DataFrame:
    """One row an occupation: group, n, value (the gap by skin tone of the log-probability of the truth)."""
    from probes.embeddings import EmbeddingStore, embed_dataset, embed_texts

    store = EmbeddingStore(scratch / "store")
    images = embed_dataset(model, dataset, rows, store=store)
    texts = embed_texts(model, [f"{_article(name)} {name}" for name in occupations], store=store)
    logits = float(model.logit_scale) * images.embeddings.astype(float) @ texts.T.astype(float)
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    labels = dataset.frame.iloc[images.rows]
    truth = pd.Index(occupations).get_indexer(labels["occupation"])
    right = pd.Series(log_p[np.arange(len(truth)), truth])
    dark = labels["skin_tone"].isin(DARK).to_numpy()
    by_tone = right.groupby([labels["occupation"].to_numpy(), dark]).mean().unstack()
    n = labels["occupation"].value_counts().reindex(by_tone.index)
    gap = by_tone[True] - by_tone[False]
    return pd.DataFrame({"group": by_tone.index.astype("str"), "n": n.to_numpy(), "value": gap.to_numpy()})


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"
