"""Classification: similarities to counts under every rule and threshold."""
