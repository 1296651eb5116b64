"""Findings, confirmation, gates and the verdict."""

__all__: list[str] = []
