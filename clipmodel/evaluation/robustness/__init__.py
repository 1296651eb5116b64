"""Robustness to distribution shift: what standard models predict, and what a model has beyond it."""

__all__: list[str] = []
