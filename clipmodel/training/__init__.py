"""Contrastive pre-training: one recipe file, one loop."""
