"""The kinds of non-classification probes, one file each: YAML, prompts, and what they hand to the audit."""

__all__: list[str] = []
