"""The YAML of a suite: every model a user can write, label sets, templates, gates."""

__all__: list[str] = []
