"""The linear probe of the CLIP paper: logistic regression on frozen features, penalty by search."""

__all__: list[str] = []
