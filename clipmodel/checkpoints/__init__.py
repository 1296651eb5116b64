"""Files of weights: OpenAI's, open_clip's, transformers' and our own, read and written."""

from __future__ import annotations

from typing import Literal

from clipmodel.errors import UserError

__all__ = ["Format", "NotClipError", "Preprocessing", "Weights"]

Format = Literal["native", "openai", "open_clip", "transformers"]
# Weights of one file: those that were trained, or their exponential moving average beside them.
Weights = Literal["plain", "ema"]
# How images were preprocessed in training, where a file does not say: as in CLIP.
Preprocessing = Literal["clip"]


class NotClipError(UserError):
    """A folder whose towers or tokenizer are none of CLIP's; the library that wrote it may read it."""
