"""What mitigations change: gaps, leakage and utility, before and after, on images that fitted nothing."""

__all__: list[str] = []
