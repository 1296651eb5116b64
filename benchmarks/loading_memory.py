"""Peak memory of loading a ViT-B/32 from safetensors files, against transformers and the size of the file.

    python -m benchmarks.loading_memory

Each measurement is the rise of the peak resident memory (Linux) of a fresh process that has imported
everything before. Pages of a file that is mapped count as resident.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.interleaved_timing import OURS, asked_for_quick, report
from benchmarks.reference_models import ours
from clipmodel import load_model
from clipmodel.checkpoints.checkpoint import Checkpoint
from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import clip_tokenizer
from clipmodel.loading.embedding_model import LoadedModel
from tests.support.peers import import_peer

GOAL = 1.2  # times the file
MEBIBYTE = 2**20


def _memory(field: str) -> int:
    """Bytes, from the kernel."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def load_ours(folder: Path) -> object:
    return load_model(folder)


def load_transformers(folder: Path) -> object:
    return import_peer("transformers").CLIPModel.from_pretrained(folder)


def extra_peak(load: Callable[[Path], object], folder: Path) -> int:
    """Bytes that a load needs at most over what the process held before."""
    clip_tokenizer()
    import_peer("transformers").CLIPModel  # noqa: B018 - what it imports on first use
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    model = load(folder)
    peak = _memory("VmHWM")
    del model
    return peak - before


def in_fresh_process(load: Callable[[Path], object], folder: Path) -> int:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(extra_peak, (load, folder))


def write_models(folder: Path) -> dict[str, Path]:
    """The model in our layout and in transformers'."""
    model = LoadedModel("ViT-B/32", ours("ViT-B/32"), clip_tokenizer(), Preprocess(image_size=224))
    native, hugging = folder / "native", folder / "transformers"
    model.save(native)
    checkpoint = Checkpoint(
        format="native",
        config=model.clip.config,
        weights=model.clip.state_dict(),
        tokenizer=model.tokenizer,
        preprocess=model.preprocessor,
    )
    write_checkpoint(checkpoint, hugging, to="transformers")
    return {"clipmodel's layout": native, "transformers' layout": hugging}


def main() -> None:
    quick = asked_for_quick(__doc__)
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        for layout, folder in write_models(Path(scratch)).items():
            size = (folder / "model.safetensors").stat().st_size
            loads = {OURS: load_ours}
            if layout.startswith("transformers"):
                loads["transformers"] = load_transformers
            for name, load in loads.items():
                extra = in_fresh_process(load, folder)
                goal = f"{GOAL} x: {'met' if extra <= GOAL * size else 'missed'}" if name == OURS else ""
                lines.append(
                    (
                        layout,
                        name,
                        f"{size / MEBIBYTE:.0f}",
                        f"{extra / MEBIBYTE:.0f}",
                        f"{extra / size:.2f}",
                        goal,
                    )
                )
    report(
        None if quick else "loading_memory",
        "Memory to load a ViT-B/32",
        header=("file", "contender", "file, MiB", "extra peak, MiB", "times the file", "goal"),
        lines=lines,
        notes=[
            "fp32 weights; the extra peak is over the imported libraries, in a fresh process each.",
            "transformers maps the file, whose pages become resident when the model first runs; ours reads "
            "every weight to refuse NaN.",
        ],
    )


if __name__ == "__main__":
    main()
