"""Audit a model of your own: one class with nine names, and no base class.

    python examples/own_model.py
    clip-audit run quickstart --model examples.own_model:ColourModel     # the same, from the command line

The model here knows nothing but colours: an image is its mean colour, a text the mean of the colours it
names. Replace the three methods by calls of your model, and the attributes by what describes it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from audit.report import render_report
from audit.result import AuditResult
from probes.datasets import load_dataset
from probes.runner import run_suite
from probes.suite.suite import load_suite

WORDS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0), "white": (1.0, 1.0, 1.0)}


class ColourModel:
    """Images and words compared by colour. Shapes: N images, C texts, D = 3."""

    name = "colour words"
    embed_dim = 3
    fingerprint = "colour words 1"  # embeddings are stored under it: another one for other weights
    preprocess_id = "mean colour of 8 bits"  # and under this: another one for other pixels
    logit_scale = 100.0  # the multiplier on cosine similarities
    logit_bias = None  # a number for a model trained with the sigmoid loss

    def preprocess(self, image: Image.Image) -> Tensor:
        """A Pillow image -> float32 [3, 1, 1]."""
        pixel = image.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        return torch.tensor(pixel).view(3, 1, 1) / 255

    def encode_image(self, pixels: Tensor) -> Tensor:
        """[N, 3, 1, 1] -> unit-norm [N, 3]."""
        return F.normalize(pixels.flatten(1) + 1e-3, dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """C strings -> unit-norm [C, 3]."""
        named = [[WORDS[word] for word in text.lower().split() if word in WORDS] for text in texts]
        means = [torch.tensor(colours or [(1.0, 1.0, 1.0)]).mean(dim=0) for colours in named]
        return F.normalize(torch.stack(means) + 1e-3, dim=-1)


def main(out: Path) -> AuditResult:
    """Audit the model with the shipped suite on the embedded emoji, and write the result."""
    suite = load_suite("quickstart")
    records = run_suite(suite, ColourModel(), load_dataset(suite.data))
    result = AuditResult.from_records(records)
    result.write(out, report=lambda audit: render_report(audit))
    return result


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/own-model")
    audited = main(folder)
    print(audited.accuracy.head(), f"verdict: {audited.verdict}", sep="\n")
    print(f"report: {folder / 'report.html'}")
