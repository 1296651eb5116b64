"""The history and the page of a training run."""
