"""Mitigations of a gap on stored embeddings: a class per method, fitted on one half, applied to any model."""

__all__: list[str] = []
