"""The images behind a number, on this machine alone: see `clip-audit view`."""
