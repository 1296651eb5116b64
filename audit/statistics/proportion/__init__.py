"""Proportions: intervals and tests of one, of two, of paired and of stratified ones."""
