"""The statistics core: functions of arrays, without tables and without the words of an audit."""

__all__: list[str] = []
