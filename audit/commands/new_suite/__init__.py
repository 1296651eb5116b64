"""Questions and answers that write a new suite."""

__all__: list[str] = []
