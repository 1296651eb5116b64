"""The model: image towers, text tower and the two together."""

__all__: list[str] = []
