"""How each statistic of `Records.estimands` is computed from `Records.scalars`; `tables.measures` asks."""
