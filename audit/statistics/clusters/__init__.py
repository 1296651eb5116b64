"""Images that share a person: cluster-robust errors, tests, permutations and design effects."""

__all__: list[str] = []
