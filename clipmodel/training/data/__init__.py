"""Training pairs: sources, batches in memory or streamed, augmentation."""

__all__: list[str] = []
