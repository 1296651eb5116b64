"""The roles of colour that a drawing uses; the page's style sheet decides what a role looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["LIGHT"]

LIGHT: Final[Mapping[str, str]] = {
    "ink": "#1b1f24", "muted": "#57606a", "grid": "#e1e6eb", "paper": "#ffffff",
    "accent": "#0b5a9c", "warn": "#a33b00",
    "series-1": "#0b5a9c", "series-2": "#b4500b", "series-3": "#00735c", "series-4": "#9a3d7f",
    "series-5": "#6b5900", "series-6": "#4d4d4d", "series-7": "#4b48b5", "series-8": "#a11d2d",
    "heat-0": "#f1f6fb", "heat-1": "#dbe7f2", "heat-2": "#bcd3e8", "heat-3": "#93b8d8", "heat-4": "#6ba0cd",
    "heat-5": "#2d689c", "heat-6": "#134d80",
    "heat-ink-0": "#1b1f24", "heat-ink-1": "#1b1f24", "heat-ink-2": "#1b1f24", "heat-ink-3": "#10151a",
    "heat-ink-4": "#000000", "heat-ink-5": "#ffffff", "heat-ink-6": "#ffffff",
}  # fmt: skip
"""Each role on a light ground: for a drawing on its own. One drawing serves light, dark and print."""
