"""One file a table of AuditResult."""

__all__: list[str] = []
