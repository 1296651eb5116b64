"""Classification: similarities to counts under every rule and threshold."""

__all__: list[str] = []
