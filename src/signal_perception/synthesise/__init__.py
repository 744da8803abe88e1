"""Stage synthesise: the synthetic data set."""
