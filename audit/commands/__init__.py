"""The commands, one module per noun. Each parses its options, calls the packages, and prints."""

__all__: list[str] = []
