"""Studies of two sets: adaptation by a linear classifier, overlap of training and evaluation images."""

__all__: list[str] = []
