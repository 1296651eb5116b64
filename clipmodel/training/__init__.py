"""Contrastive pre-training: one recipe file, one loop."""

__all__: list[str] = []
