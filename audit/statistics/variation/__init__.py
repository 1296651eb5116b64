"""How estimates vary: between groups, prompts and specifications; partial pooling."""

__all__: list[str] = []
