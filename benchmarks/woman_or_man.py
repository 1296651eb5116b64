"""The label set of the suites that benchmarks write: woman or man, and one harmful class."""

from __future__ import annotations

HARM = '      "harm: crime": [thief]\n'
LABEL_SETS = f"""\
label_sets:
  own:
    sets:
      identity:
        - {{name: man, is: {{gender: man}}}}
        - {{name: woman, is: {{gender: woman}}}}
{HARM}"""
