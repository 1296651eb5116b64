"""The embedded emoji as evaluation sets: what is drawn, by design families seen and not seen in training."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet, FunctionImages, checked
from clipmodel.evaluation.registry.entry import SetEntry
from probes.datasets.demographic_dataset import ID
from probes.datasets.emoji import CARD, EmojiDataset

ATTRIBUTE = "category"
SEEN, SHIFT = "emoji", "emoji-held-out"
RETRIEVAL_SUFFIX = "-names"
TEMPLATES = ["{}", "a picture of a {}", "a drawing of a {}", "an emoji of a {}"]
SPLITS = {
    (SEEN, "test"): "validation",
    (SEEN, "train"): "train",
    (SHIFT, "test"): "held_out_family",
}
TITLES = {
    SEEN: "Emoji of the design families seen in training",
    SHIFT: "Emoji of design families held out of training",
}
NAMES = (SEEN, SHIFT, SEEN + RETRIEVAL_SUFFIX, SHIFT + RETRIEVAL_SUFFIX)


# Four sets share the images; reading the parquet files takes longer than building a set.
@cache
def _dataset() -> EmojiDataset:
    return EmojiDataset()


def emoji_set(name: str, *, split: str = "test") -> EvaluationSet:
    """The embedded emoji as an evaluation set.

    "emoji" and "emoji-held-out" ask for the category (11 classes); with "-names" they pair each image with
    its CLDR name, for retrieval. Images that are recolourings of one drawing are one cluster.

    Raises
    ------
    UserError
        There is no such set or split.
    """
    base = name.removesuffix(RETRIEVAL_SUFFIX)
    if name not in NAMES or (base, split) not in SPLITS:
        splits = ", ".join(sorted(own for given, own in SPLITS if given == base)) or "test"
        raise UserError(f"no set {name!r} with a split {split!r}", remedy=f"{', '.join(NAMES)}; {splits}")
    dataset = _dataset()
    chosen = (dataset.frame["split"] == SPLITS[base, split]) & dataset.frame[ATTRIBUTE].notna()
    rows = np.flatnonzero(chosen)
    frame = dataset.frame.iloc[rows]
    images = FunctionImages(frame[ID].astype(str).tolist(), lambda row: dataset.read_bytes(int(rows[row])))
    classes = dataset.levels(ATTRIBUTE)
    retrieval = name.endswith(RETRIEVAL_SUFFIX)
    entry = SetEntry(
        name=name,
        title=TITLES[base] + (", by name" if retrieval else ""),
        metric="mean_recall@1" if retrieval else "acc1",
        task="zeroshot_retrieval" if retrieval else "zeroshot_classification",
        source=CARD.source,
        licence=CARD.licence,
        classes=list(classes),
        templates=TEMPLATES,
    )
    where = f"the embedded emoji ({SPLITS[base, split]})"
    clusters = dataset.clusters.iloc[rows].tolist()
    if retrieval:
        names = frame["name"].astype(str)
        # Equal names are one caption: copies of it would compete with each other at rank 1.
        captions, place = np.unique(names, return_inverse=True)
        pairs = np.stack([np.arange(len(rows)), place], axis=1).astype(np.int64)
        texts = tuple(map(str, captions))
        return checked(
            EvaluationSet(
                entry=entry, images=images, where=where, captions=texts, pairs=pairs, clusters=clusters
            )
        )
    code = pd.Categorical(frame[ATTRIBUTE], categories=classes).codes.astype(np.int64)
    return checked(
        EvaluationSet(
            entry=entry,
            images=images,
            where=where,
            truth=code,
            classes=tuple((one,) for one in classes),
            templates=tuple(TEMPLATES),
            metadata=frame[["design_family", "skin_tone", "gender"]].reset_index(drop=True),
            clusters=clusters,
        )
    )
