"""What a training run measures on the way."""
