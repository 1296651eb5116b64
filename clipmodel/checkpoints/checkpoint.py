"""A checkpoint in memory: weights under our names and what else a model needs to be used."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from clipmodel.architecture.clip import CLIP, Precision
from clipmodel.checkpoints import Format
from clipmodel.config import CLIPConfig
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer

# Our own folder; transformers names its first two files the same.
CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "config.json", "model.safetensors", "tokenizer.json"
PREPROCESS_FILE, PROCESSOR_FILE = "preprocessor_config.json", "processor_config.json"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a file or folder of weights holds, independent of its format."""

    format: Format
    config: CLIPConfig
    weights: dict[str, Tensor]  # by the names of `CLIP.state_dict()`, with the precision of the file
    tokenizer: BPETokenizer
    preprocess: Preprocess
    other_weights: str | None = None  # further weights that the file holds, such as "ema"

    def build(self, precision: Precision = "fp32") -> CLIP:
        """The model, in evaluation mode; it takes the weights over instead of copying them."""
        clip = CLIP.without_weights(self.config)
        clip.load_state_dict(self.weights, assign=True)
        clip.set_precision(precision)
        return clip.eval()
