"""Generic formats: tables, folders, tars, parquet, embeddings, predictions."""
