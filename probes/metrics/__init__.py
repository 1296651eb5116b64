"""Array functions of the probes other than classification: estimates only."""
