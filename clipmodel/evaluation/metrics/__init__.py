"""Metrics of standard evaluation: arrays in, numbers out; no intervals (those are made in `audit`)."""

__all__: list[str] = []
