"""Where training pairs come from: tar and parquet shards, tables of paths, folders; local or remote."""

__all__: list[str] = []
