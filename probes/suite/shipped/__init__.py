"""What ships with the package: suites, word lists and published figures, found by name."""

__all__: list[str] = []
