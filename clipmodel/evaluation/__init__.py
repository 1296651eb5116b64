"""Standard evaluation of a model: zero-shot classification."""

__all__: list[str] = []
