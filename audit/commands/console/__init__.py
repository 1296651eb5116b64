"""What commands share: the terminal, options of the model, the output folder, summaries."""

__all__: list[str] = []
