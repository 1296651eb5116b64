"""What a training run measures on the way."""

__all__: list[str] = []
