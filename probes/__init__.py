"""What an audit asks: suites of probes, data sets of people, scoring into counts.

Nothing is imported here, so that `probes.records` and `probes.suite.suite` load without torch.
"""
