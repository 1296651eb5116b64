"""The methods, one class each."""
