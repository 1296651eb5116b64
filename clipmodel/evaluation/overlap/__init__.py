"""Near-duplicates between a training set and an evaluation set."""
