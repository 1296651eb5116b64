"""The calibration study: coverage, false alarms, power."""

__all__: list[str] = []
