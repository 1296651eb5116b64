"""The conclusions of a standard evaluation: intervals, paired tests, result files, figures and the page."""

__all__: list[str] = []
