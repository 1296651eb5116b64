"""The images behind a number, on this machine alone: see `clip-audit view`."""

__all__: list[str] = []
