"""Findings, confirmation, gates and the verdict."""
