"""The evidence pack: an audit as documents that others can check, sign and file."""

__all__: list[str] = []
