"""One file a table of AuditResult."""
