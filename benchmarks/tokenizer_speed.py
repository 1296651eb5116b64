"""Captions to token ids against open_clip's and transformers' tokenizers.

    python -m benchmarks.tokenizer_speed

"cold" is the first pass of a new tokenizer over the captions: open_clip's and ours remember words.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.interleaved_timing import HEADER, OURS, Race, asked_for_quick, race, report, rows
from benchmarks.synthetic_images import SHARED
from clipmodel.inputs.tokenizer import CLIP_MERGES, END, START, clip_tokenizer
from tests.support.peers import import_peer

WORDS = ("a", "the", "of", "on", "in", "with", "man", "woman", "dog", "two", "red", "street", "large")


def captions() -> tuple[list[str], str]:
    """Those of Flickr8k if they are here, otherwise made of frequent words."""
    path = SHARED / "flickr8k" / "captions.txt"
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            texts = [row["caption"] for row in csv.DictReader(file)]
        return texts, f"the {len(texts):,} captions of the Flickr8k sample"
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 11)).capitalize() + " ." for _ in range(2500)]
    return texts, f"{len(texts):,} made-up captions of 11 words"


def cold_race(texts: list[str], makers: dict[str, Callable[[], Callable]], *, rounds: int) -> Race:
    """Each round with new tokenizers; making them is not timed."""
    seconds: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            tokenize = make()
            started = time.perf_counter()
            tokenize(texts)
            seconds[name].append(time.perf_counter() - started)
    return Race(work="captions, cold", unit="texts", items=len(texts), seconds=seconds)


def main() -> None:
    quick = asked_for_quick(__doc__)
    texts, what = captions()
    simple = import_peer("open_clip.tokenizer").SimpleTokenizer
    transformers = import_peer("transformers")
    tokenizer = clip_tokenizer()
    merges = [tuple(line.split()) for line in CLIP_MERGES.read_text(encoding="utf-8").splitlines()[1:]]
    theirs = simple()
    renamed = {"<start_of_text>": START, "<end_of_text>": END}
    vocabulary = {renamed.get(symbol, symbol): number for symbol, number in theirs.encoder.items()}
    hugging = transformers.CLIPTokenizer(vocab=vocabulary, merges=merges)
    if not torch.equal(tokenizer(texts), theirs(texts)):
        raise RuntimeError("the tokenizers disagree")
    rounds = 1 if quick else 9
    warm = race(
        "captions",
        {
            OURS: lambda: tokenizer(texts),
            "open_clip": lambda: theirs(texts),
            "transformers": lambda: hugging(texts, padding="max_length", max_length=77, return_tensors="pt"),
        },
        unit="texts",
        items=len(texts),
        rounds=rounds,
    )
    cold = cold_race(texts, {OURS: clip_tokenizer, "open_clip": simple}, rounds=min(rounds, 5))
    met = "met" if warm.ratio("open_clip") >= 10 else "missed"
    notes = [
        f"{what}; ids equal; goal: 10 x open_clip ({met}).",
        "Ours and open_clip's run in one thread; transformers' encodes with all cores.",
        "transformers' does no cleaning with ftfy or html.unescape.",
    ]
    name = None if quick else "tokenizer_speed"
    report(name, "Speed of the tokenizer", header=HEADER, lines=rows([warm, cold]), notes=notes)


if __name__ == "__main__":
    main()
