"""Accuracy and intervals, in NumPy alone."""
