"""One file per table of AuditResult."""

__all__: list[str] = []
