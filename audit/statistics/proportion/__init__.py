"""Proportions: intervals and tests of one, of two, of paired and of stratified ones."""

__all__: list[str] = []
