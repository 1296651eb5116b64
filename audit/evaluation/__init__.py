"""Standard evaluation, concluded: intervals, paired tests, result files, figures and the page."""
