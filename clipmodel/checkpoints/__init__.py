"""Files of weights: OpenAI's, open_clip's, transformers' and our own, read and written."""

from __future__ import annotations

from typing import Literal

Format = Literal["native", "openai", "open_clip", "transformers"]
