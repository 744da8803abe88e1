"""The machinery: parameters, stages, units of work, workers.

It may change speed, never results, so no stage depends on it.
"""
