"""How work that takes long reports its progress; the command line draws bars of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

# What is being done, how many are done, how many there are in all.
Progress: TypeAlias = Callable[[str, int, int], None]
