"""Tests of what a second process does, which needs a second core."""

from __future__ import annotations

import os

import pytest

needs_two_cores = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores of Linux",
)
