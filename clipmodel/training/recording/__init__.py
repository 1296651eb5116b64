"""What a training run writes on the way."""

__all__: list[str] = []
