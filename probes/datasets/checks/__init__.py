"""Checks of a data set before it is audited: counts, copies, odd values, columns that nobody chose."""

__all__: list[str] = []
