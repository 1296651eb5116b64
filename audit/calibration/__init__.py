"""The calibration study: coverage, false alarms, power."""
