"""Assignment rules: one record per rule, in a file of its own. Loading this package loads no torch."""

__all__: list[str] = []
