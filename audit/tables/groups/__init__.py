"""Images by group: codes of attributes, counts of images and of clusters, references, rows of gaps."""

__all__: list[str] = []
