"""Stage evaluate: predictions for the test videos and their accuracy."""
