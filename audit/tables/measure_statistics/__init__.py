"""How each statistic of `Records.estimands` is computed from `Records.scalars`; `tables.measures` asks."""

__all__: list[str] = []
