"""Tables in parts: the folders that Spark, Ray, DuckDB, Dask and Polars write in the place of one file."""

__all__: list[str] = []
