"""How estimates vary: between groups, prompts and specifications; partial pooling."""
