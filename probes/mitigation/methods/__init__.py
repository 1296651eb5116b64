"""The methods, one class each."""

__all__: list[str] = []
