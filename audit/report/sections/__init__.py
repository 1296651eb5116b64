"""What the report says, section by section, before it becomes HTML.

Each module turns the frames of an `AuditResult` into plain values: text, tables of formatted cells, drawings.
The templates only lay them out.
"""
