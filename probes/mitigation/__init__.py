"""Mitigations of a gap on stored embeddings: one class a method, fitted on one half, applied to any model."""

__all__: list[str] = []
