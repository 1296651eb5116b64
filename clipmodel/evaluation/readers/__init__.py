"""Evaluation sets from where they lie: WebDataset homes, image folders, captions, tables, the hub."""

__all__: list[str] = []
