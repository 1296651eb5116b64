"""Standard evaluation of a model: zero-shot classification."""
