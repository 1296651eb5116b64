"""One of everything that CONTRIBUTING says how to add, as small as it can be.

`tests/audit/commands/test_additions.py` registers them as the recipes say, runs the commands with them, and
takes them out again.
"""
