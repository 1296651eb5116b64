"""What a training run writes on the way."""
