"""The published evaluation sets: one YAML each with class names, templates, metric, source and licence."""

__all__: list[str] = []
