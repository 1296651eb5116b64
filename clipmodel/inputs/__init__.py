"""From text and encoded images to tensors."""
