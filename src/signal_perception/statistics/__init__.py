"""Accuracy, intervals and paired comparisons, in NumPy and SciPy alone."""
