"""The model: image towers, text tower and the two together."""
