"""Questions and answers that write a new suite."""
