"""Images and texts embedded once, stored, looked up."""

__all__: list[str] = []
