"""Kill a streamed run of two processes 20 times; its weights must be those of a run left alone.

    python -m benchmarks.kill_streamed [--quick]

torchrun starts the command line's run in two processes (gloo), each with a loader worker, over tar shards of
which one holds an image that cannot be decoded. SIGKILL ends all of them at once, as benchmarks.kill_resume
does with one process; what is then left is the checkpoint, with the position of both in the shards.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.interleaved_timing import asked_for_quick
from benchmarks.kill_resume import BATCH, Command, ordeal, recipe, report_lives
from benchmarks.loading import Pair, write_tars
from benchmarks.synthetic_images import jpeg_files
from benchmarks.tokenizer_speed import captions

STEPS, SAVE_EVERY, IMAGES = 30, 2, 96


def streamed_recipe(shards: str) -> dict[str, Any]:
    """That of one process, on tar shards and without what looks on."""
    values = recipe()
    del values["validation"]
    return values | {
        "steps": STEPS,
        "save_every": SAVE_EVERY,
        "data": {
            "source": shards,
            "loading": {"substreams": 4, "workers": 1, "shuffle": 16, "max_skipped": 1000},
        },
    }


def main() -> None:
    quick = asked_for_quick(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        paths, what = jpeg_files(Path(scratch), IMAGES)
        texts, _ = captions()
        pairs = [Pair(path.stem, path.read_bytes(), text) for path, text in zip(paths, texts, strict=False)]
        pairs[7] = Pair("damaged", b"no image", "an image")
        shards = write_tars(pairs, Path(scratch) / "shards")
        plan = Path(scratch) / "recipe.yaml"
        plan.write_text(yaml.safe_dump(streamed_recipe(shards)), encoding="utf-8")
        lives, notes, same = ordeal(Command(plan=plan, processes=2), Path(scratch), steps=STEPS, quick=quick)
    notes.append(
        f"{STEPS} steps of {BATCH} pairs by two processes, a checkpoint every {SAVE_EVERY}; about ten passes "
        f"over four tar shards of {what}, of which one was spoilt."
    )
    name = None if quick else "kill_streamed"
    report_lives(name, "A streamed run of two processes killed at random moments", lives, notes, same=same)


if __name__ == "__main__":
    main()
