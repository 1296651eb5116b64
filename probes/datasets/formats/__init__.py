"""Generic formats: tables, folders, tars, parquet, embeddings, predictions."""

__all__: list[str] = []
