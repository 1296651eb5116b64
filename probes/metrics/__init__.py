"""Array functions of the probes other than classification: estimates only."""

__all__: list[str] = []
