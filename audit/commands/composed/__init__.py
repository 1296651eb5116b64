"""What commands compose of model, probes and audit: evaluations, studies, simulations, audits in training."""

__all__: list[str] = []
