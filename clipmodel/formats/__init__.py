"""Files of weights: OpenAI's, open_clip's, transformers' and our own, read and written."""
