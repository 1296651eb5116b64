"""Near-duplicates between a training set and an evaluation set."""

__all__: list[str] = []
