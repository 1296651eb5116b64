"""The history and the page of a training run."""

__all__: list[str] = []
