"""From text and encoded images to tensors."""

__all__: list[str] = []
